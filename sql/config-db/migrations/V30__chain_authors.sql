-- Who wrote a chain by hand, and why: its SQL runs in the warehouse.

ALTER TABLE rdscnfg.ext_chain
    ADD COLUMN modified_by text,
    ADD COLUMN modified_reason text;

COMMENT ON COLUMN rdscnfg.ext_chain.modified_by IS
    'The person: the name in the operating system, or the one given with --as; empty where SQL wrote it.';
COMMENT ON COLUMN rdscnfg.ext_chain.modified_reason IS
    'Why, in the operator''s words.';
