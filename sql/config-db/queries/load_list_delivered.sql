-- The files that nothing keeps under way any more, because each of their deliveries has ended: among $1 itself, the file that $1
-- is a delivery of, and those of the deliveries that batch $1 carries.
SELECT file.load_id
FROM rdscnfg.ext_file_load AS file
WHERE file.state = 'delivering'
    AND file.load_id IN (
        SELECT $1::uuid
        UNION ALL
        SELECT delivery.parent_load_id
        FROM rdscnfg.ext_file_load AS delivery
        WHERE delivery.load_id = $1
        UNION ALL
        SELECT carried.parent_load_id
        FROM rdscnfg.ext_file_load AS carried
        WHERE carried.batch_id = $1
    )
    AND NOT EXISTS (
        SELECT
        FROM rdscnfg.ext_file_load AS other
        WHERE other.parent_load_id = file.load_id
            AND other.finished_at IS NULL
    )
ORDER BY file.load_id
