-- The schema of stage and error tables is there, with the date check.
CREATE SCHEMA IF NOT EXISTS rdsftetl;
