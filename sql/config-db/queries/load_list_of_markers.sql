-- How the ledger sees the loads of a page of markers: the state of each, and nothing for one that is not on it.
SELECT
    marker.load_id,
    load.state
FROM unnest($1::uuid[]) AS marker (load_id)
LEFT JOIN rdscnfg.ext_file_load AS load
    ON load.load_id = marker.load_id
ORDER BY marker.load_id
