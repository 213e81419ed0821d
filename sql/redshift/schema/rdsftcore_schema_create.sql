-- The schema of core tables is there: typed, cleaned rows.
CREATE SCHEMA IF NOT EXISTS rdsftcore;
