-- What reconciliation keeps: objects that no event announced, whose turn it is, how far listings and comparisons are,
-- and where the ledger and the markers differ.

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN listed_at timestamptz,
    ADD COLUMN rules_seen text,
    ADD COLUMN looked_at timestamptz,
    ADD COLUMN looks integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT ext_file_load_listed_is_whole CHECK (listed_at IS NULL OR parent_load_id IS NULL),
    ADD CONSTRAINT ext_file_load_stand_in_is_listed CHECK (
        sequencer NOT LIKE 'listed-%' IS NOT FALSE OR listed_at IS NOT NULL
    ),
    ADD CONSTRAINT ext_file_load_looks_not_negative CHECK (looks >= 0);

COMMENT ON COLUMN rdscnfg.ext_file_load.listed_at IS
    'When a listing found the object, which no event had announced by then. Its sequencer is a stand-in until the event comes.';
COMMENT ON COLUMN rdscnfg.ext_file_load.rules_seen IS
    'Of a file that is tried again because its rules changed: the fingerprint of the rules it is tried under.';
COMMENT ON COLUMN rdscnfg.ext_file_load.looked_at IS
    'When the reconciler last took it up.';
COMMENT ON COLUMN rdscnfg.ext_file_load.looks IS
    'How often it took it up since the state last changed.';

CREATE INDEX ext_file_load_turn ON rdscnfg.ext_file_load (greatest(looked_at, state_at), load_id)
    WHERE finished_at IS NULL;
CREATE INDEX ext_file_load_table ON rdscnfg.ext_file_load (lower(tgt_schema_name), lower(tgt_table_name), load_id)
    WHERE tgt_table_name IS NOT NULL;

ALTER TABLE rdscnfg.ext_outbox
    ADD COLUMN send_after timestamptz;

COMMENT ON COLUMN rdscnfg.ext_outbox.send_after IS
    'After a try that failed: when the next one is due.';

CREATE TABLE rdscnfg.ext_watched_prefix (
    bucket_name text NOT NULL,
    prefix text NOT NULL,
    resume_after text,
    pass_began_at timestamptz NOT NULL,
    pass_ended_at timestamptz,
    objects_seen bigint NOT NULL DEFAULT 0,
    objects_announced bigint NOT NULL DEFAULT 0,
    lister text,
    list_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    try_after timestamptz,
    error text,
    CONSTRAINT ext_watched_prefix_pk PRIMARY KEY (bucket_name, prefix),
    CONSTRAINT ext_watched_prefix_lister_whole CHECK ((lister IS NULL) = (list_until IS NULL)),
    CONSTRAINT ext_watched_prefix_counts_not_negative CHECK (
        objects_seen >= 0 AND objects_announced >= 0 AND failures >= 0
    )
);

COMMENT ON TABLE rdscnfg.ext_watched_prefix IS
    'How far the listing of each watched prefix is. Safe to empty: the next pass begins at the first key.';
COMMENT ON COLUMN rdscnfg.ext_watched_prefix.resume_after IS
    'The last key that was compared with the ledger; the next page begins after it.';
COMMENT ON COLUMN rdscnfg.ext_watched_prefix.pass_ended_at IS
    'Empty while a pass is under way.';
COMMENT ON COLUMN rdscnfg.ext_watched_prefix.lister IS
    'The invocation that lists; nobody else does before list_until.';

ALTER TABLE rdscnfg.ext_marker_table
    ADD COLUMN compared_after uuid,
    ADD COLUMN pass_began_at timestamptz,
    ADD COLUMN pass_ended_at timestamptz,
    ADD COLUMN comparer text,
    ADD COLUMN compare_until timestamptz,
    ADD COLUMN error text,
    ADD CONSTRAINT ext_marker_table_comparer_whole CHECK ((comparer IS NULL) = (compare_until IS NULL));

COMMENT ON COLUMN rdscnfg.ext_marker_table.compared_after IS
    'The last load id that was compared in the pass under way.';

CREATE TABLE rdscnfg.ext_marker_difference (
    load_id uuid NOT NULL,
    kind text NOT NULL,
    warehouse text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    object_url text NOT NULL,
    row_count bigint,
    found_at timestamptz NOT NULL,
    settled_at timestamptz,
    settled_by text,
    settled_as text,
    note text,
    CONSTRAINT ext_marker_difference_pk PRIMARY KEY (load_id, kind),
    CONSTRAINT ext_marker_difference_kind_known CHECK (
        kind IN ('marker_without_load', 'load_without_marker', 'failed_and_loaded')
    ),
    CONSTRAINT ext_marker_difference_settled_whole CHECK (
        (settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_as IS NULL)
    ),
    CONSTRAINT ext_marker_difference_settled_as_known CHECK (settled_as IN ('adopted', 'forgotten', 'gone'))
);

COMMENT ON TABLE rdscnfg.ext_marker_difference IS
    'Where the ledger and the markers in a warehouse differ, and what was done about it.';
COMMENT ON COLUMN rdscnfg.ext_marker_difference.settled_as IS
    'adopted: what the warehouse holds counts. forgotten: the marker was deleted. gone: the next comparison found no difference.';

CREATE INDEX ext_marker_difference_open ON rdscnfg.ext_marker_difference (found_at)
    WHERE settled_at IS NULL;
