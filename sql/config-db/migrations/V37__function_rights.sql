-- Functions that act with their owner's rights are for our triggers alone. PostgreSQL lets everybody execute a new function, and a trigger
-- function that everybody may execute can be put on a table of one's own, whose rows then say what is done with ours.
-- A trigger asks for no such right when it fires, so whoever may write rules goes on without any. The functions that call one of
-- them get their owner's rights, too.

ALTER FUNCTION rdscnfg.ext_file_config_changed() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION rdscnfg.ext_file_config_dtl_removed() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION rdscnfg.ext_file_config_dtl_moved() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION rdscnfg.ext_file_expectation_follow_rule() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION rdscnfg.ext_file_expectation_follow_interface() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION rdscnfg.ext_file_expectation_follow_target() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

REVOKE EXECUTE ON FUNCTION
    rdscnfg.ext_file_config_keep_version(integer[]),
    rdscnfg.ext_file_config_changed(),
    rdscnfg.ext_file_config_dtl_removed(),
    rdscnfg.ext_file_config_dtl_moved(),
    rdscnfg.ext_file_config_wake_loads(),
    rdscnfg.ext_file_expectation_follow(integer[]),
    rdscnfg.ext_file_expectation_follow_rule(),
    rdscnfg.ext_file_expectation_follow_interface(),
    rdscnfg.ext_file_expectation_follow_target(),
    rdscnfg.ext_snapshot_schedule_follow()
FROM PUBLIC;
