-- The loads whose prices were moved on: what is listed here is never moved again, however often a window is run.
CREATE TABLE IF NOT EXISTS rdsftcore.pharmacy_price_moved (
    load_id varchar(36) NOT NULL
);
