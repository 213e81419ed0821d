-- A file that takes longer to count than one invocation lasts is counted by several: each goes on where the last one stopped.

CREATE TABLE rdscnfg.ext_load_tally (
    load_id uuid NOT NULL,
    counted_as text NOT NULL,
    counted_bytes bigint NOT NULL,
    records bigint NOT NULL,
    blank_records bigint NOT NULL,
    lines bigint NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT ext_load_tally_pkey PRIMARY KEY (load_id),
    CONSTRAINT ext_load_tally_load_fkey FOREIGN KEY (load_id) REFERENCES rdscnfg.ext_file_load (load_id),
    CONSTRAINT ext_load_tally_counted_something CHECK (counted_bytes > 0),
    -- A record has a byte at least, and a line or more.
    CONSTRAINT ext_load_tally_adds_up CHECK (
        records >= 0 AND blank_records >= 0 AND records + blank_records <= lines AND lines <= counted_bytes
    )
);

COMMENT ON TABLE rdscnfg.ext_load_tally IS
    'What is counted so far of a file that is counted by several invocations.';
COMMENT ON COLUMN rdscnfg.ext_load_tally.counted_as IS
    'What the count depends on besides the object: how its records are told apart, and from where to where. A count under another rule is begun anew.';
COMMENT ON COLUMN rdscnfg.ext_load_tally.counted_bytes IS
    'How many bytes of the data it covers; whole records.';
