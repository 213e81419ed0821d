//! What COPY does besides its rows: it is read, and changes nothing that a row could tell.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html>, and REGION of `copy-parameters-data-source-s3.html`

use crate::support::World;

#[tokio::test]
async fn compression_and_statistics_change_no_row() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(5))").await;
    world.put("k", "1|x\n");
    for options in [
        "comprows 1000",
        "comprows 2147483647 compupdate on",
        "compupdate",
        "compupdate preset",
        "compupdate on",
        "compupdate true",
        "compupdate off",
        "compupdate false delimiter '|'",
        "statupdate",
        "statupdate on",
        "statupdate true",
        "statupdate off",
        "statupdate false compupdate off",
        "region 'us-east-1'",
        "region as 'us-gov-west-1' compupdate preset, statupdate on, maxerror as 2",
    ] {
        world.run("delete from t").await;
        let copied = world.copy("t", "k", options).await;
        assert_eq!(copied["Status"], "FINISHED", "{options}: {}", copied["Error"]);
        assert_eq!(world.rows("select * from t").await, ["1|x"], "{options}");
    }
}

#[tokio::test]
async fn what_is_out_of_bounds_or_incompatible_is_refused_by_name() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(5))").await;
    world.put("k", "1|x\n");
    for (options, parts) in [
        (
            "comprows 999",
            ["COMPROWS 999 is outside of", "1000 to 2147483647"],
        ),
        (
            "comprows 2147483648",
            ["COMPROWS 2147483648 is outside of", "1000 to 2147483647"],
        ),
        ("comprows many", ["syntax error", "\"many\""]),
        ("compupdate maybe", ["syntax error", "\"maybe\""]),
        ("statupdate preset", ["syntax error", "\"preset\""]),
        ("region us", ["syntax error", "\"us\""]),
        ("region 'useast1'", ["Invalid REGION", "'useast1'"]),
        ("region ''", ["Invalid REGION", "''"]),
        (
            "compupdate on compupdate off",
            ["conflicting or redundant options", "COMPUPDATE"],
        ),
        (
            "statupdate on statupdate on",
            ["conflicting or redundant options", "STATUPDATE"],
        ),
        ("maxerror 1 ignoreallerrors", ["MAXERROR", "IGNOREALLERRORS"]),
        ("format parquet comprows 1000", ["PARQUET", "COMPROWS"]),
        ("format parquet compupdate off", ["PARQUET", "COMPUPDATE"]),
        ("format orc compupdate preset", ["ORC", "COMPUPDATE"]),
        ("format orc region 'us-east-1'", ["ORC", "REGION"]),
    ] {
        let copied = world.copy("t", "k", options).await;
        assert_eq!(copied["Status"], "FAILED", "{options}");
        let error = copied["Error"].as_str().unwrap();
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{options}: {error}"
        );
    }
    assert_eq!(world.rows("select count(*) from t").await, ["0"]);
}
