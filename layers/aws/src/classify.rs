//! What an error of the warehouse means. The only place that reads Redshift's texts.
//!
//! The Data API hands on an error's text and nothing else: no SQLSTATE, and nearly everything that Redshift raises itself
//! would be `XX000` anyway. So it is told by phrases, the first that fits wins, and each has a fixture below: a message
//! from Redshift's documentation or as its users reported it.

use longshore_domain::fault::WarehouseFault;
use longshore_domain::fault::WarehouseFault::{Busy, Configuration, Data, Down, Full, Transient};

use crate::fault::Fault;

/// Phrases in lower case. Those of the data come first: Redshift wraps them in words that fit other kinds too.
const PHRASES: &[(WarehouseFault, &[&str])] = &[
    // COPY and what it finds in a file.
    (Data, &["sys_load_error_detail"]),
    (Data, &["stl_load_errors"]),
    (Data, &["division by zero"]),
    (Data, &["divide by zero"]),
    (Data, &["value too long for"]),
    (Data, &["invalid input syntax"]),
    (Data, &["invalid digit"]),
    (Data, &["numeric data overflow"]),
    (Data, &["field overflow"]),
    (Data, &["out of range"]),
    (Data, &["cannot insert a null value"]),
    (Data, &["violates"]),
    (Data, &["incompatible parquet schema"]),
    (Data, &["string length exceeds ddl length"]),
    // Two transactions at one table.
    (Transient, &["serializable isolation violation"]),
    (Transient, &["error: 1023"]),
    (Transient, &["error: 1018"]),
    (Transient, &["conflict with concurrent transaction"]),
    (Transient, &["concurrent update"]),
    (Transient, &["could not open relation with oid"]),
    (Transient, &["cache lookup failed for relation"]),
    (Transient, &["deadlock detected"]),
    (Transient, &["could not obtain lock"]),
    (Transient, &["lock timeout"]),
    // No room.
    (Full, &["disk full"]),
    (Full, &["error: 1016"]),
    (Full, &["no space left"]),
    // Stopped for taking too long, or too much at once.
    (Busy, &["wlm"]),
    (Busy, &["query monitoring rule"]),
    (Busy, &["statement timeout"]),
    (Busy, &["on user's request"]),
    (Busy, &["connection limit"]),
    (Busy, &["too many connections"]),
    (Busy, &["connection slots are reserved"]),
    (Busy, &["too many clients"]),
    (Busy, &["out of memory"]),
    (Busy, &["insufficient memory"]),
    (Busy, &["rate exceeded"]),
    (Busy, &["throttl"]),
    // COPY and S3. Before the warehouse's own connections: these broke between the two.
    (Transient, &["s3curlexception"]),
    (Transient, &["status 503"]),
    (Transient, &["status 500"]),
    (Transient, &["slowdown"]),
    (Transient, &["reduce your request rate"]),
    (Transient, &["error nosuchkey"]),
    (Transient, &["specified s3 prefix", "does not exist"]),
    (Transient, &["url is not present in manifest"]),
    (Transient, &["manifest", "could not be found"]),
    (Transient, &["error expiredtoken"]),
    (Transient, &["error requesttimeout"]),
    (Configuration, &["accessdenied"]),
    (Configuration, &["access denied"]),
    (Configuration, &["not authorized"]),
    (Configuration, &["unauthorizedexception"]),
    (Configuration, &["error nosuchbucket"]),
    (Configuration, &["error permanentredirect"]),
    (Configuration, &["error invalidaccesskeyid"]),
    (Configuration, &["error signaturedoesnotmatch"]),
    (Configuration, &["requires full path of an s3 object"]),
    // A warehouse that is not there.
    (Down, &["is paused"]),
    (Down, &["paused state"]),
    (Down, &["is resuming"]),
    (Down, &["is being resumed"]),
    (Down, &["being restarted"]),
    (Down, &["restart in progress"]),
    (Down, &["restarting"]),
    (Down, &["being upgraded"]),
    (Down, &["upgrade in progress"]),
    (Down, &["is under maintenance"]),
    (Down, &["starting up"]),
    (Down, &["shutting down"]),
    (Down, &["in recovery mode"]),
    (Down, &["not in available state"]),
    (Down, &["not available"]),
    (Down, &["is unavailable"]),
    (Down, &["system requested abort"]),
    (Down, &["terminating connection"]),
    (Down, &["terminated by administrator"]),
    (Down, &["administrator command"]),
    (Down, &["server closed the connection"]),
    (Down, &["connection refused"]),
    (Down, &["connection timed out"]),
    (Down, &["connection attempt failed"]),
    (Down, &["connection reset"]),
    (Down, &["connection closed"]),
    (Down, &["connection is closed"]),
    (Down, &["connection to the server was lost"]),
    (Down, &["broken pipe"]),
    (Down, &["could not connect"]),
    (Down, &["unable to connect"]),
    (Down, &["failed to establish"]),
    // What a person must mend.
    (Configuration, &["permission denied"]),
    (Configuration, &["must be owner"]),
    (Configuration, &["authentication failed"]),
    (Configuration, &["doesn't exist"]),
    (Configuration, &["does not exist"]),
    (Configuration, &["syntax error"]),
    (Configuration, &["is of type"]),
    (Configuration, &["not supported"]),
    (Configuration, &["more expressions than target columns"]),
    (Configuration, &["read-only"]),
    // Redshift's own mishaps, after everything that has a better name.
    (Transient, &["internal error"]),
    (Transient, &["internal service error"]),
    (Transient, &["assert"]),
    (Transient, &["unexpected error"]),
    (Transient, &["xx000"]),
];

/// What an error text means, whether a statement's or the service's.
pub(crate) fn fault_of(text: &str) -> WarehouseFault {
    let words = without_names(&text.to_lowercase());
    PHRASES
        .iter()
        .find(|(_, phrases)| phrases.iter().all(|phrase| words.contains(phrase)))
        .map_or(WarehouseFault::Unknown, |(fault, _)| *fault)
}

/// What a call that the service refused says about the warehouse: what we may not, or what is not there, is the deployment's
/// fault. Of everything else the text is all there is.
pub(crate) fn fault_of_refusal(fault: Fault, text: &str) -> WarehouseFault {
    match (fault, fault_of(text)) {
        (_, Down) => Down,
        (Fault::Denied | Fault::Missing, _) => Configuration,
        (_, told) => told,
    }
}

/// The text without what stands in double quotes: names of tables and values of files, which may hold any phrase. White space
/// counts as one blank, since the parts of an error come on lines of their own.
fn without_names(text: &str) -> String {
    let outside: Vec<&str> = text.split('"').step_by(2).collect();
    let spaced = outside.join(" ").replace("error:", "error: ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Messages of Redshift and of the services around it, cut to what tells them.
    const FIXTURES: &[(WarehouseFault, &str)] = &[
        (
            Data,
            "ERROR: Load into table 'price' failed. Check 'sys_load_error_detail' system table for details.",
        ),
        (
            Data,
            "ERROR: Load into table 'price' failed.  Check 'stl_load_errors' system table for details.",
        ),
        (Data, "ERROR: division by zero"),
        (Data, "ERROR: Divide by zero"),
        (Data, "ERROR: value too long for type character varying(10)"),
        (
            Data,
            "ERROR: invalid input syntax for integer: \"deadlock detected\"",
        ),
        (Data, "ERROR: Invalid digit, Value 'x', Pos 0, Type: Integer"),
        (Data, "ERROR: Numeric data overflow (result precision)"),
        (Data, "ERROR: numeric field overflow"),
        (Data, "ERROR: integer out of range"),
        (Data, "ERROR: Cannot insert a NULL value into column code"),
        (
            Data,
            "ERROR: null value in column \"a\" violates not-null constraint",
        ),
        (
            Data,
            "ERROR: Spectrum Scan Error Detail: file has an incompatible Parquet schema for column 'price'",
        ),
        (Data, "ERROR: date/time field value out of range: 2026-13-01"),
        (Data, "ERROR: String length exceeds DDL length"),
        (
            Transient,
            "ERROR: 1023\n  Detail: Serializable isolation violation on table - 100167, transactions forming the cycle are: 1, 2 (pid:16606)",
        ),
        (
            Transient,
            "ERROR:1023 DETAIL: Serializable isolation violation on table in Redshift",
        ),
        (Transient, "ERROR: 1023 (SQLSTATE XX000)"),
        (Transient, "ERROR: 1018 DETAIL: Relation does not exist"),
        (
            Transient,
            "ERROR: could not complete because of conflict with concurrent transaction",
        ),
        (
            Transient,
            "ERROR: could not serialize access due to concurrent update",
        ),
        (Transient, "ERROR: could not open relation with OID 6134794"),
        (Transient, "ERROR: cache lookup failed for relation 4711"),
        (
            Transient,
            "ERROR: deadlock detected\n  Detail: Process 1 waits for AccessExclusiveLock",
        ),
        (Transient, "ERROR: could not obtain lock on relation \"price\""),
        (Transient, "ERROR: canceling statement due to lock timeout"),
        (
            Full,
            "ERROR: Disk Full\n  Detail: error: Disk Full code: 1016 context: node: 0 location: fdisk_api.cpp:343",
        ),
        (Full, "ERROR: 1016 Detail: the node has no free blocks"),
        (Full, "ERROR: could not extend relation: No space left on device"),
        (
            Busy,
            "ERROR: Query (500029) cancelled by WLM abort action of Query Monitoring Rule \"testrule\".",
        ),
        (
            Busy,
            "ERROR: Query (500029) was aborted by a query monitoring rule",
        ),
        (Busy, "ERROR: canceling statement due to statement timeout"),
        (Busy, "ERROR: Query (150) cancelled on user's request"),
        (
            Busy,
            "FATAL: connection limit \"500\" exceeded for non-bootstrap users",
        ),
        (Busy, "FATAL: too many connections for database \"dev\""),
        (
            Busy,
            "FATAL: remaining connection slots are reserved for superusers",
        ),
        (Busy, "FATAL: sorry, too many clients already"),
        (Busy, "ERROR: Out Of Memory"),
        (Busy, "ERROR: Insufficient memory to run query"),
        (Busy, "Rate exceeded"),
        (Busy, "Request was throttled"),
        (
            Transient,
            "ERROR: S3CurlException: Connection timed out, CanRetry 1",
        ),
        (
            Transient,
            "ERROR: S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,CanRetry 1",
        ),
        (Transient, "ERROR: S3ServiceException: Status 503, no body"),
        (Transient, "ERROR: S3ServiceException:SlowDown"),
        (Transient, "ERROR: S3: Please reduce your request rate."),
        (
            Transient,
            "ERROR: S3ServiceException:We encountered an internal error. Please try again.,Status 500,Error InternalError",
        ),
        (
            Transient,
            "ERROR: Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey",
        ),
        (
            Transient,
            "ERROR: The specified S3 prefix 'processing/a' does not exist",
        ),
        (Transient, "ERROR: Mandatory url is not present in manifest file."),
        (Transient, "ERROR: the manifest s3://b/m could not be found"),
        (
            Transient,
            "ERROR: S3ServiceException:The provided token has expired.,Status 400,Error ExpiredToken",
        ),
        (
            Transient,
            "ERROR: S3ServiceException:Your socket connection was idle.,Status 400,Error RequestTimeout",
        ),
        (
            Configuration,
            "ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid D14F,CanRetry 1",
        ),
        (Configuration, "Access denied for the secret"),
        (
            Configuration,
            "ERROR: User arn:aws:redshift:x is not authorized to assume IAM Role arn:aws:iam::1:role/copy",
        ),
        (
            Configuration,
            "ERROR: UnauthorizedException: the role is not attached to the cluster",
        ),
        (
            Configuration,
            "ERROR: S3ServiceException:The specified bucket is missing,Status 404,Error NoSuchBucket",
        ),
        (
            Configuration,
            "ERROR: S3ServiceException:The bucket must be addressed elsewhere.,Status 301,Error PermanentRedirect",
        ),
        (
            Configuration,
            "ERROR: S3ServiceException:The key id is not in our records.,Status 403,Error InvalidAccessKeyId",
        ),
        (
            Configuration,
            "ERROR: S3ServiceException:The signature is another.,Status 403,Error SignatureDoesNotMatch",
        ),
        (
            Configuration,
            "ERROR: COPY with MANIFEST parameter requires full path of an S3 object.",
        ),
        (Down, "The cluster house is paused"),
        (Down, "Cluster is in paused state"),
        (Down, "The cluster is resuming"),
        (Down, "The workgroup is being resumed"),
        (Down, "FATAL: the system is being restarted"),
        (Down, "FATAL: cluster restart in progress"),
        (Down, "FATAL: the leader node is restarting"),
        (Down, "FATAL: the system is being upgraded"),
        (Down, "FATAL: upgrade in progress"),
        (Down, "The cluster is under maintenance"),
        (Down, "FATAL: the database system is starting up"),
        (Down, "FATAL: the database system is shutting down"),
        (Down, "FATAL: the database system is in recovery mode"),
        (Down, "The cluster is not in available state"),
        (Down, "Database is not available"),
        (Down, "The endpoint is unavailable"),
        (Down, "ERROR: Query (7) cancelled: system requested abort query"),
        (
            Down,
            "FATAL: terminating connection because of crash of another server process",
        ),
        (Down, "ERROR: session terminated by administrator"),
        (Down, "FATAL: stopped due to administrator command"),
        (Down, "server closed the connection unexpectedly"),
        (Down, "Error setting/closing connection: Connection refused."),
        (Down, "Error setting/closing connection: Connection timed out."),
        (Down, "The connection attempt failed."),
        (Down, "Connection reset by peer"),
        (Down, "Connection closed by the peer"),
        (Down, "This connection is closed"),
        (Down, "The connection to the server was lost"),
        (Down, "An I/O error occurred: Broken pipe"),
        (Down, "could not connect to server"),
        (Down, "Unable to connect to endpoint"),
        (Down, "Failed to establish a connection"),
        (Configuration, "ERROR: permission denied for relation price"),
        (Configuration, "ERROR: must be owner of relation price"),
        (
            Configuration,
            "FATAL: password authentication failed for user \"loader\"",
        ),
        (Configuration, "Redshift endpoint doesn't exist in this region."),
        (Configuration, "ERROR: relation \"restarting\" does not exist"),
        (
            Configuration,
            "ERROR: column \"is paused\" of relation \"disk full\" does not exist",
        ),
        (Configuration, "FATAL: database \"dev\" does not exist"),
        (Configuration, "ERROR: syntax error at or near \"FORM\""),
        (
            Configuration,
            "ERROR: column \"a\" is of type integer but expression is of type character varying",
        ),
        (
            Configuration,
            "ERROR: COPY from this file format is not supported",
        ),
        (
            Configuration,
            "ERROR: INSERT has more expressions than target columns",
        ),
        (Configuration, "ERROR: transaction is read-only"),
        (Transient, "ERROR: Internal error: please contact AWS Support"),
        (Transient, "Internal service error"),
        (
            Transient,
            "ERROR: Assert Detail: code: 1000 context: false location: sort.cpp:3",
        ),
        (Transient, "ERROR: unexpected error while scanning"),
        (Transient, "ERROR: padb failure (SQLSTATE XX000)"),
    ];

    #[test]
    fn every_message_means_what_its_fixture_says() {
        let wrong: Vec<_> = FIXTURES
            .iter()
            .filter(|(fault, text)| fault_of(text) != *fault)
            .map(|(fault, text)| format!("{text}: {}, not {fault}", fault_of(text)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_phrase_has_a_fixture() {
        let first = |text: &str| {
            let words = without_names(&text.to_lowercase());
            PHRASES
                .iter()
                .position(|(_, phrases)| phrases.iter().all(|phrase| words.contains(phrase)))
        };
        let met: std::collections::BTreeSet<_> =
            FIXTURES.iter().filter_map(|(_, text)| first(text)).collect();
        let unmet: Vec<_> = (0..PHRASES.len())
            .filter(|place| !met.contains(place))
            .map(|place| PHRASES[place].1)
            .collect();
        assert!(unmet.is_empty(), "{unmet:?}");
    }

    #[rstest]
    #[case(Fault::Denied, "User is not authorized", Configuration)]
    #[case(Fault::Missing, "no such secret", Configuration)]
    #[case(Fault::Refused, "The cluster house is paused", Down)]
    #[case(
        Fault::Refused,
        "Redshift endpoint doesn't exist in this region.",
        Configuration
    )]
    #[case(Fault::Refused, "1 validation error detected", WarehouseFault::Unknown)]
    fn a_refusal_is_the_warehouses_the_deployments_or_the_statements(
        #[case] fault: Fault,
        #[case] text: &str,
        #[case] expected: WarehouseFault,
    ) {
        assert_eq!(fault_of_refusal(fault, text), expected);
    }

    #[rstest]
    #[case("")]
    #[case("ERROR: the moon is in the wrong house")]
    fn a_text_that_nobody_has_told_us_about_is_unknown(#[case] text: &str) {
        assert_eq!(fault_of(text), WarehouseFault::Unknown);
    }
}
