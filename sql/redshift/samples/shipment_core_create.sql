-- One row for each shipment: the one that came last.
CREATE TABLE IF NOT EXISTS rdsftcore.shipment (
    shipment_id varchar(30),
    ship_date date,
    carrier varchar(100),
    file_name varchar(300),
    target_transaction_timestamp timestamp
);
