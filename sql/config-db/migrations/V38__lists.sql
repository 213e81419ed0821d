-- Lists of loads by what a message says of one: its file, and the code of its error.

-- Names and keys are looked for by their beginnings, whatever the database's collation is.
CREATE INDEX ext_file_load_file_name ON rdscnfg.ext_file_load (file_name text_pattern_ops);
CREATE INDEX ext_file_load_object_key ON rdscnfg.ext_file_load (object_key text_pattern_ops);
CREATE INDEX ext_file_load_error_code ON rdscnfg.ext_file_load (error_code, received_at)
    WHERE error_code IS NOT NULL;

-- What came of loads that were refused or failed. A load has a row while it is in one of these states.
CREATE VIEW rdscnfg.ext_file_load_sequel AS
SELECT
    load.load_id,
    load.parent_load_id,
    load.batch_id,
    replay.load_id AS replayed_as,
    replay.state AS replay_state,
    newer.load_id AS replaced_by
FROM rdscnfg.ext_file_load AS load
-- The newest load that an operator let it, or the file that it is a part or a delivery of, happen again by.
LEFT JOIN LATERAL (
    SELECT
        again.load_id,
        again.state
    FROM rdscnfg.ext_file_load AS again
    WHERE again.replays_load_id = ANY (ARRAY[load.load_id, load.parent_load_id])
    ORDER BY
        again.received_at DESC,
        again.load_id DESC
    LIMIT 1
) AS replay ON true
-- The newest load of a later version of its file, or of the same one sent again, that is done. Of a replay, which brings a version of
-- before, only if that is this one. Where only the follow-up failed the rows are there, and a later file does nothing about that.
LEFT JOIN LATERAL (
    SELECT later.load_id
    FROM rdscnfg.ext_file_load AS file
    INNER JOIN rdscnfg.ext_file_load AS later
        ON later.bucket_name = file.bucket_name
        AND later.object_key = file.object_key
    WHERE file.load_id = coalesce(load.parent_load_id, load.load_id)
        AND file.batch_files IS NULL
        AND load.state <> 'transform_failed'
        AND later.parent_load_id IS NULL
        AND (later.received_at, later.load_id) > (file.received_at, file.load_id)
        AND (later.replays_load_id IS NULL OR later.etag = file.etag)
        AND (file.ext_file_config_sid IS NULL OR later.ext_file_config_sid = file.ext_file_config_sid)
        AND (later.only_record_type IS NULL OR later.only_record_type = load.record_type)
        AND (later.target_name IS NULL OR later.target_name = load.target_name)
        AND (
            later.state = 'complete'
            OR (
                later.state = 'split'
                AND NOT EXISTS (
                    SELECT
                    FROM rdscnfg.ext_file_load AS part
                    WHERE part.parent_load_id = later.load_id
                        AND part.state <> 'complete'
                )
            )
        )
    ORDER BY
        later.received_at DESC,
        later.load_id DESC
    LIMIT 1
) AS newer ON true
WHERE load.state IN ('rejected', 'failed', 'transform_failed');

COMMENT ON VIEW rdscnfg.ext_file_load_sequel IS
    'What came of loads that were refused or failed: the replay, or the newer load of the same key that is done; both empty where nothing did.';

-- Those that still need somebody: a load that was replayed is its replay's affair from then on, done or not. A batch that failed is
-- as open as its files are, and a file as its deliveries; that of a single file is told by the file, and the follow-up of those
-- that a batch carries is the batch's.
CREATE VIEW rdscnfg.ext_file_load_unmended AS
SELECT load.load_id
FROM rdscnfg.ext_file_load AS load
INNER JOIN rdscnfg.ext_file_load_sequel AS sequel
    ON sequel.load_id = load.load_id
WHERE sequel.replayed_as IS NULL
    AND sequel.replaced_by IS NULL
    AND CASE
        WHEN load.state = 'transform_failed' THEN load.batch_id IS NULL
        WHEN load.batch_files IS NOT NULL THEN
            load.batch_files > 1
            AND EXISTS (
                SELECT
                FROM rdscnfg.ext_file_load_sequel AS carried
                WHERE carried.batch_id = load.load_id
                    AND carried.replayed_as IS NULL
                    AND carried.replaced_by IS NULL
            )
        WHEN load.deliveries IS NOT NULL THEN
            EXISTS (
                SELECT
                FROM rdscnfg.ext_file_load_sequel AS delivery
                WHERE delivery.parent_load_id = load.load_id
                    AND delivery.replayed_as IS NULL
                    AND delivery.replaced_by IS NULL
            )
        ELSE true
    END;

COMMENT ON VIEW rdscnfg.ext_file_load_unmended IS
    'The loads that were refused or failed, and that nothing came of yet.';

-- What was refused or failed, the newest first.
CREATE INDEX ext_file_load_unsuccessful ON rdscnfg.ext_file_load (received_at)
    WHERE state IN ('rejected', 'failed', 'transform_failed');
