-- Prices that did not reach the core table are kept here as the file had them, with the reason.
CREATE TABLE IF NOT EXISTS rdsftetl.pharmacy_price_error (
    ndc varchar(20),
    price_type varchar(20),
    unit_price varchar(30),
    effective_date varchar(20),
    expiry_date varchar(20),
    file_name varchar(300),
    target_transaction_timestamp timestamp,
    error_reason varchar(200)
);
