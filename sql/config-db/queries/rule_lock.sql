-- Whoever changes rules takes turns with everybody else who does, by whatever statement. Readers are not kept waiting.
LOCK TABLE
    rdscnfg.ext_interface,
    rdscnfg.ext_target,
    rdscnfg.ext_file_config,
    rdscnfg.ext_file_config_dtl
IN SHARE ROW EXCLUSIVE MODE
