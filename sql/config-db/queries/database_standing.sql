-- What the server is, what its clock shows, and which migration was the last; fails where none ever ran.
SELECT
    current_setting('server_version_num')::integer AS server_version,
    clock_timestamp() AS now,
    max(migration.version) AS migration
FROM rdscnfg.longshore_migration AS migration
