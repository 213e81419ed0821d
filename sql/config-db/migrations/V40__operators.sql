-- What operators do, on record.

ALTER TABLE rdscnfg.ext_marker_difference
    DROP CONSTRAINT ext_marker_difference_settled_as_known,
    ADD CONSTRAINT ext_marker_difference_settled_as_known CHECK (
        settled_as IN ('adopted', 'forgotten', 'gone', 'replayed')
    );

COMMENT ON COLUMN rdscnfg.ext_marker_difference.settled_as IS
    'adopted: what the warehouse holds counts. forgotten: the marker was deleted. gone: the next comparison found no difference. replayed: the load, or each file of the batch, was loaded again.';

CREATE TABLE rdscnfg.ext_warehouse_operation (
    operation_id bigint GENERATED ALWAYS AS IDENTITY,
    warehouse text NOT NULL,
    operation text NOT NULL,
    operator text NOT NULL,
    reason text NOT NULL,
    probed_by uuid,
    at timestamptz NOT NULL,
    CONSTRAINT ext_warehouse_operation_pk PRIMARY KEY (operation_id),
    CONSTRAINT ext_warehouse_operation_known CHECK (operation IN ('resume')),
    CONSTRAINT ext_warehouse_operation_is_explained CHECK (btrim(operator) <> '' AND btrim(reason) <> '')
);

COMMENT ON TABLE rdscnfg.ext_warehouse_operation IS
    'What operators did about a paused warehouse by hand: who, when and why.';
COMMENT ON COLUMN rdscnfg.ext_warehouse_operation.operation IS
    'resume: it is tried at once, and is in use again if a statement runs there.';
COMMENT ON COLUMN rdscnfg.ext_warehouse_operation.probed_by IS
    'The load that it is tried by; empty where none waited: then by the next one that comes.';

CREATE INDEX ext_warehouse_operation_newest ON rdscnfg.ext_warehouse_operation (warehouse, operation_id);
