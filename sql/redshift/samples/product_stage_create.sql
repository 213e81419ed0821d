-- The stage of interface 703, products is there: texts as the file has them.
CREATE TABLE IF NOT EXISTS rdsftetl.product (
    product_id varchar(30),
    product_name varchar(200),
    description varchar(65535),
    file_name varchar(300),
    load_id varchar(36) NOT NULL,
    target_transaction_timestamp timestamp DEFAULT GETDATE()
);
