//! LISTAGG, by the examples of the manual.

use crate::support::World;

/// The sample table of <https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html>.
async fn create_winsales(world: &World) {
    world
        .run("create table winsales (salesid int, dateid date, sellerid int, buyerid char(10))")
        .await;
    world
        .run(
            "insert into winsales values (30001, '2003-08-02', 3, 'b'), (10001, '2003-12-24', 1, 'c'), (10005, '2003-12-24', 1, 'a'),
             (40001, '2004-01-09', 4, 'a'), (10006, '2004-01-18', 1, 'c'), (20001, '2004-02-12', 2, 'b'), (40005, '2004-02-12', 4, 'a'),
             (20002, '2004-02-16', 2, 'c'), (30003, '2004-04-18', 3, 'b'), (30004, '2004-04-18', 3, 'b'), (30007, '2004-09-07', 3, 'c')",
        )
        .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_WF_LISTAGG.html>
#[tokio::test]
async fn listagg_as_a_window_function() {
    let world = World::new().await;
    create_winsales(&world).await;
    for (query, expected) in [
        (
            "select listagg(sellerid) within group (order by sellerid) over() from winsales",
            vec!["11122333344"; 11],
        ),
        (
            "select listagg(sellerid) within group (order by dateid) over () as seller from winsales where buyerid = 'b'",
            vec!["3233"; 4],
        ),
        (
            "select listagg(dateid,',') within group (order by sellerid desc,salesid asc) over () as dates from winsales where buyerid  = 'b'",
            vec!["2003-08-02,2004-04-18,2004-04-18,2004-02-12"; 4],
        ),
        (
            "select listagg(distinct dateid,',') within group (order by sellerid desc,salesid asc) over () as dates from winsales where buyerid = 'b'",
            vec!["2003-08-02,2004-04-18,2004-02-12"; 4],
        ),
        (
            "select buyerid, listagg(nvl(salesid, 0) , ',') within group (order by decode(salesid, 1, 0, salesid))
             over (partition by nvl(buyerid, 'x')) as sales_id from winsales order by buyerid limit 4",
            vec![
                "a|10005,40001,40005",
                "a|10005,40001,40005",
                "a|10005,40001,40005",
                "b|20001,30001,30003,30004",
            ],
        ),
        ("select listagg(distinct buyerid) over (partition by sellerid) from winsales where sellerid = 4", vec!["a", "a"]),
        ("select listagg(nullif(salesid, salesid)) over () from winsales where buyerid = 'a'", vec!["-"; 3]),
    ] {
        assert_eq!(world.rows(query).await, expected, "{query}");
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html>
#[tokio::test]
async fn listagg() {
    let world = World::new().await;
    create_winsales(&world).await;
    for (query, expected) in [
        (
            "select listagg(sellerid) within group (order by dateid, salesid) from winsales",
            &["31141242333"][..],
        ),
        (
            "select listagg(dateid, '|') within group (order by sellerid desc, salesid asc) from winsales where buyerid = 'b'",
            &["2003-08-02|2004-04-18|2004-04-18|2004-02-12"],
        ),
        (
            "select listagg(distinct sellerid, ', ') within group (order by sellerid) from winsales",
            &["1, 2, 3, 4"],
        ),
        (
            "select buyerid, listagg(salesid, ',') within group (order by salesid) as sales_id from winsales group by buyerid order by buyerid",
            &[
                "a|10005,40001,40005",
                "b|20001,30001,30003,30004",
                "c|10001,10006,20002,30007",
            ],
        ),
    ] {
        assert_eq!(world.rows(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn listagg_leaves_out_nulls_and_empty_texts_and_has_a_limit() {
    let world = World::new().await;
    world.run("create table t (a int, x varchar(80))").await;
    world
        .run("insert into t values (1, 'a'), (2, ''), (3, null), (4, 'b'), (5, 'a')")
        .await;
    world
        .run(
            "create procedure listed() as $$
             begin
                 execute 'create table lists as select listagg(x, '','') within group (order by a) as list from t';
             end $$ language plpgsql",
        )
        .await;
    world.run("call listed()").await;
    for (query, expected) in [
        ("select listagg(x, ',') within group (order by a) from t", "a,b,a"),
        ("select listagg(x) within group (order by a desc) from t", "aba"),
        (
            "select listagg(distinct x, ',') within group (order by x) from t",
            "a,b",
        ),
        ("select listagg(distinct x) from t", "ab"),
        ("select listagg(x, ',') from t where a in (2, 3)", "-"),
        ("select list from lists", "a,b,a"),
    ] {
        assert_eq!(world.rows(query).await, [expected], "{query}");
    }
    let wide = "from (select repeat('x', 100) as x from generate_series(1, 1000)) as wide";
    let limit = world.error(&format!("select listagg(x, ',') {wide}")).await;
    assert!(limit.contains("Result size exceeds LISTAGG limit"), "{limit}");
    for over in [
        "(order by a)",
        "(partition by x order by a)",
        "(rows unbounded preceding)",
    ] {
        let error = world
            .error(&format!("select listagg(x) over {over} from t"))
            .await;
        assert!(
            error.contains("cannot contain a window ordering or window frame"),
            "{over}: {error}"
        );
    }
}
