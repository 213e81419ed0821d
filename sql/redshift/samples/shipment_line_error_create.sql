-- Shipment lines that did not reach the core table are kept here as the file had them, with the reason.
CREATE TABLE IF NOT EXISTS rdsftetl.shipment_line_error (
    record_type varchar(2),
    shipment_id varchar(30),
    line_no varchar(10),
    item varchar(60),
    quantity varchar(20),
    file_name varchar(300),
    target_transaction_timestamp timestamp,
    error_reason varchar(200)
);
