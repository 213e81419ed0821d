-- What operators mend, on record as mended.

ALTER TABLE rdscnfg.ext_marker_difference
    DROP CONSTRAINT ext_marker_difference_settled_as_known,
    ADD CONSTRAINT ext_marker_difference_settled_as_known CHECK (
        settled_as IN ('adopted', 'forgotten', 'gone', 'replayed')
    );

COMMENT ON COLUMN rdscnfg.ext_marker_difference.settled_as IS
    'adopted: what the warehouse holds counts. forgotten: the marker was deleted. gone: the next comparison found no difference. replayed: the load, or each file of the batch, was loaded again.';
