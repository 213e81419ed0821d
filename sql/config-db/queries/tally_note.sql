-- What is counted of a load's file so far is kept if it is further than what was, or counted under another rule. Whoever came
-- further begins the count of those that ran out of time anew: many may be needed, as long as each gets on.
WITH noted AS (
    INSERT INTO rdscnfg.ext_load_tally AS kept (
        load_id,
        counted_as,
        counted_bytes,
        records,
        blank_records,
        lines,
        noted_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (load_id) DO UPDATE
    SET
        counted_as = excluded.counted_as,
        counted_bytes = excluded.counted_bytes,
        records = excluded.records,
        blank_records = excluded.blank_records,
        lines = excluded.lines,
        noted_at = excluded.noted_at
    WHERE kept.counted_as <> excluded.counted_as
        OR kept.counted_bytes < excluded.counted_bytes
    RETURNING kept.load_id
)
UPDATE rdscnfg.ext_file_load
SET handovers = 0
WHERE load_id IN (SELECT noted.load_id FROM noted)
