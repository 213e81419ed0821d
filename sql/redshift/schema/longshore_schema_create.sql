-- The schema of the loader's marker tables is there. The loader makes the tables, one for each target.
CREATE SCHEMA IF NOT EXISTS longshore;
