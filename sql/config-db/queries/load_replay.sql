-- A load of its own for a file that happens again: what was announced is the same, the sequencer is the replay's number.
-- Nobody has it yet (claims = 0); whoever prepares next takes it up.
INSERT INTO rdscnfg.ext_file_load (
    load_id,
    bucket_name,
    object_key,
    object_version,
    etag,
    sequencer,
    size_bytes,
    file_name,
    state_at,
    state_actor,
    state_note,
    read_key,
    replays_load_id,
    only_record_type,
    target_name,
    resend_policy,
    claims,
    received_at,
    queue_name,
    announced_captures
)
SELECT
    $2,
    load.bucket_name,
    load.object_key,
    load.object_version,
    load.etag,
    $3,
    load.size_bytes,
    load.file_name,
    $9,
    $8,
    $10,
    $4,
    $5,
    $6,
    $11,
    $7,
    0,
    $9,
    load.queue_name,
    load.announced_captures
FROM rdscnfg.ext_file_load AS load
WHERE load.load_id = $1
