-- Says for the rest of the transaction who changes rules, and why: the versions keep it.
SELECT
    set_config('longshore.operator', $1, true),
    set_config('longshore.reason', $2, true)
