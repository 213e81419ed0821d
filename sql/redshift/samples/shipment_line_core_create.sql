-- One row for each line of a shipment: the one that came last.
CREATE TABLE IF NOT EXISTS rdsftcore.shipment_line (
    shipment_id varchar(30),
    line_no integer,
    item varchar(60),
    quantity decimal(18, 3),
    file_name varchar(300),
    target_transaction_timestamp timestamp
);
