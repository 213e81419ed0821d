-- Lists of loads by what a message says of one: its file, and the code of its error.

-- Names and keys are looked for by their beginnings, whatever the database's collation is.
CREATE INDEX ext_file_load_file_name ON rdscnfg.ext_file_load (file_name text_pattern_ops);
CREATE INDEX ext_file_load_object_key ON rdscnfg.ext_file_load (object_key text_pattern_ops);
CREATE INDEX ext_file_load_error_code ON rdscnfg.ext_file_load (error_code, received_at)
    WHERE error_code IS NOT NULL;
