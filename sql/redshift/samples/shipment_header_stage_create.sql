-- The stage of interface 702, records HD is there: texts as the file has them.
CREATE TABLE IF NOT EXISTS rdsftetl.shipment_header (
    record_type varchar(2),
    shipment_id varchar(30),
    ship_date varchar(20),
    carrier varchar(100),
    file_name varchar(300),
    load_id varchar(36) NOT NULL,
    target_transaction_timestamp timestamp DEFAULT GETDATE()
);
