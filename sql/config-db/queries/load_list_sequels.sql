-- What came of these loads, of those that were refused or failed: a row each.
SELECT
    sequel.load_id,
    sequel.replayed_as,
    sequel.replay_state,
    sequel.replaced_by,
    EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load_unmended AS unmended
        WHERE unmended.load_id = sequel.load_id
    ) AS is_open
FROM rdscnfg.ext_file_load_sequel AS sequel
WHERE sequel.load_id = ANY ($1::uuid[])
