-- The stage of interface 702, records DT is there: texts as the file has them.
CREATE TABLE IF NOT EXISTS rdsftetl.shipment_line (
    record_type varchar(2),
    shipment_id varchar(30),
    line_no varchar(10),
    item varchar(60),
    quantity varchar(20),
    file_name varchar(300),
    load_id varchar(36) NOT NULL,
    target_transaction_timestamp timestamp DEFAULT GETDATE()
);
