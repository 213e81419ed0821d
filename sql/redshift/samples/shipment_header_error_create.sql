-- Shipments that did not reach the core table are kept here as the file had them, with the reason.
CREATE TABLE IF NOT EXISTS rdsftetl.shipment_header_error (
    record_type varchar(2),
    shipment_id varchar(30),
    ship_date varchar(20),
    carrier varchar(100),
    file_name varchar(300),
    target_transaction_timestamp timestamp,
    error_reason varchar(200)
);
