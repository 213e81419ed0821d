-- The stage of interface 701, drug prices is there: texts as the file has them.
CREATE TABLE IF NOT EXISTS rdsftetl.pharmacy_price (
    ndc varchar(20),
    price_type varchar(20),
    unit_price varchar(30),
    effective_date varchar(20),
    expiry_date varchar(20),
    file_name varchar(300),
    load_id varchar(36) NOT NULL,
    target_transaction_timestamp timestamp DEFAULT GETDATE()
);
