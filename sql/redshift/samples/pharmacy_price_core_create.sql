-- One row for each drug, kind of price and first day of validity: the one that came last.
CREATE TABLE IF NOT EXISTS rdsftcore.pharmacy_price (
    ndc varchar(20),
    price_type varchar(20),
    unit_price decimal(18, 4),
    effective_date date,
    expiry_date date,
    file_name varchar(300),
    target_transaction_timestamp timestamp
);
