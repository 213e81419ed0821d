//! Redshift's SQL on PostgreSQL.

use crate::support::World;

#[tokio::test]
async fn tables_are_created_as_redshift_writes_them() {
    let world = World::new().await;
    world
        .run(
            "create table if not exists orders (
                id bigint identity(1, 1) not null encode raw,
                name varchar(max) encode zstd,
                kind char(2) default 'XX' sortkey,
                amount decimal(18, 2) encode az64,
                at timestamp default sysdate encode az64,
                primary key (name)
            ) diststyle key distkey (name) compound sortkey (at, kind)",
        )
        .await;
    world
        .run("insert into orders (name, amount) values ('a', 1), ('a', 2)")
        .await;
    assert_eq!(
        world
            .rows("select id, name, kind, amount from orders order by id")
            .await,
        ["1|a|XX|1.00", "2|a|XX|2.00"]
    );
    assert_eq!(
        world
            .rows("select count(*) from orders where at <= getdate() + interval '1 minute'")
            .await,
        ["2"]
    );
    world
        .run("create table copy_of diststyle all as select name from orders")
        .await;
    world.run("create temp table like_it (like orders)").await;
    world.run("alter table orders alter diststyle even").await;
    world
        .run("alter table orders add column extra varchar(10) encode lzo")
        .await;
    assert!(
        world
            .error("insert into orders (name) values (null)")
            .await
            .contains("null value")
    );
}

#[tokio::test]
async fn a_primary_key_is_on_record_and_not_enforced() {
    let world = World::new().await;
    world
        .run("create table lines (number int, \"Order\" int, name text, primary key (\"Order\", number))")
        .await;
    world
        .run("create table orders (id int constraint its_key primary key distkey, name text)")
        .await;
    world
        .run("create table named (id int, constraint named_key primary key (id))")
        .await;
    let keys = "select conname, class.relname, contype, attribute.attname from pg_constraint as keys \
                join pg_class as class on class.oid = keys.conrelid \
                join pg_attribute as attribute on attribute.attrelid = class.oid and attribute.attnum = any (keys.conkey) \
                where contype = 'p' and class.relname in ('lines', 'orders', 'named') order by 2, 4";
    assert_eq!(
        world.rows(keys).await,
        [
            "lines_pkey|lines|p|number",
            "lines_pkey|lines|p|order",
            "named_key|named|p|id",
            "orders_pkey|orders|p|id"
        ]
    );
    world
        .run("insert into lines values (1, 1, 'a'), (1, 1, 'b')")
        .await;
    world.run("insert into orders values (1, 'a'), (1, 'b')").await;
    let error = world.error("insert into orders (name) values ('c')").await;
    assert!(error.contains("null value in column \"id\""), "{error}");
    world.run("create table copied (like orders)").await;
    assert_eq!(
        world
            .rows("select count(*) from pg_catalog.pg_constraint c join pg_class r on r.oid = c.conrelid where relname = 'copied'")
            .await,
        ["0"]
    );
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_names.html>
#[tokio::test]
async fn quoted_names_are_folded_like_plain_ones() {
    let world = World::new().await;
    world
        .run("create table \"OrdX\" (\"Abc\" int, \"Said\" varchar(20))")
        .await;
    world
        .run(
            "create procedure \"Fill\"() as $$
             begin
                 execute 'insert into \"ORDX\" (\"ABC\", said) values (1, ''say \"Hi\"'')';
             end $$ language plpgsql",
        )
        .await;
    world.run("call fill()").await;
    world.put("rows", "{\"Abc\": 5, \"said\": \"b\"} {\"abc\": 6}");
    let copied = world
        .copy("\"ORDX\"(\"ABC\", \"Said\")", "rows", "json 'auto'")
        .await;
    assert_eq!(copied["Status"], "FINISHED", "{copied}");
    assert_eq!(
        world.rows("select abc, \"SAID\" from ordx order by abc").await,
        ["1|say \"Hi\"", "6|-", "-|b"]
    );
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html>
#[tokio::test]
async fn quoted_names_keep_their_case_where_the_session_says_so() {
    let world = World::new().await;
    world.put("rows", "{\"MixedCasedColumn\": 5} {\"mixedcasedcolumn\": 6}");
    let kept = world
        .batch(&[
            "SET enable_case_sensitive_identifier TO true",
            "CREATE TABLE \"MixedCasedTable\" (\"MixedCasedColumn\" int)",
            "CREATE TABLE MixedCasedTable (MixedCasedColumn int)",
            "INSERT INTO public.\"MixedCasedTable\" VALUES (1)",
            "CREATE PROCEDURE \"Fill\"() AS $$ BEGIN
                INSERT INTO \"MixedCasedTable\" (\"MixedCasedColumn\") VALUES (2);
                EXECUTE 'INSERT INTO \"MixedCasedTable\" VALUES (3)';
             END $$ LANGUAGE plpgsql",
            "CALL \"Fill\"()",
            "COPY \"MixedCasedTable\" (\"MixedCasedColumn\") FROM 's3://b/rows' IAM_ROLE DEFAULT JSON 'auto'",
            "SHOW enable_case_sensitive_identifier",
            "RESET enable_case_sensitive_identifier",
            "INSERT INTO \"MIXEDCASEDTABLE\" VALUES (7)",
        ])
        .await;
    assert_eq!(kept["Status"], "FINISHED", "{kept}");
    assert_eq!(world.rows("select * from MixedCasedTable").await, ["7"]);
    assert_eq!(
        world.rows("show enable_case_sensitive_identifier").await,
        ["false"],
        "another session"
    );
    let query = [
        "set session enable_case_sensitive_identifier = on",
        "select \"MixedCasedColumn\" from \"MixedCasedTable\" where \"MixedCasedColumn\" is not null order by 1",
    ];
    let seen = world.batch(&query).await;
    assert_eq!(seen["SubStatements"][1]["ResultRows"], 4, "{seen}");
    let keyed = world
        .batch(&[
            "set enable_case_sensitive_identifier to on",
            "create table keyed (\"A\" int, \"a\" int, B int, primary key (\"A\", b))",
            "insert into keyed values (1, null, 1)",
            "insert into keyed values (null, 1, 1)",
        ])
        .await;
    let error = keyed["Error"].as_str().unwrap();
    assert!(
        error.starts_with("Query #4 failed") && error.contains("\"A\""),
        "{error}"
    );
    let shown = world.run("show enable_case_sensitive_identifier").await;
    let result = world
        .call("GetStatementResult", serde_json::json!({ "Id": shown["Id"] }))
        .await
        .unwrap();
    assert_eq!(
        result["ColumnMetadata"][0]["name"],
        "enable_case_sensitive_identifier"
    );
    assert!(
        world
            .error("set enable_case_sensitive_identifier to maybe")
            .await
            .contains("parameter \"enable_case_sensitive_identifier\" requires a Boolean value")
    );
}

#[tokio::test]
async fn functions_answer_as_in_redshift() {
    let world = World::new().await;
    for (expression, expected) in [
        ("nvl(null, 'x')", "x"),
        ("nvl(null::int, 2)", "2"),
        ("nvl2(null::int, 1, 2)", "2"),
        ("decode(2, 1, 'one', 2, 'two', 'many')", "two"),
        ("decode(null, null, 'none')", "none"),
        (
            "dateadd(month, 1, '2015-01-31'::timestamp)",
            "2015-02-28 00:00:00",
        ),
        (
            "datediff(day, '2015-01-01'::timestamp, '2015-01-03 01:00:00'::timestamp)",
            "2",
        ),
        ("datediff(year, '2015-12-31'::date, '2016-01-01'::date)", "1"),
        ("datediff(week, '2015-10-17'::date, '2015-10-18'::date)", "1"),
        ("trunc('2015-10-15 08:09:10'::timestamp)", "2015-10-15"),
        ("len('größe')", "5"),
        ("try_cast('x' as int)", "-"),
        ("try_cast('7' as int)", "7"),
        (
            "convert_timezone('America/New_York', '2015-10-15 12:00:00'::timestamp)",
            "2015-10-15 08:00:00",
        ),
        ("regexp_replace('a1b2', '[0-9]', '')", "ab"),
        ("regexp_substr('a1b2', '\\\\d')", "1"),
        ("regexp_count('a1b2', '[0-9]')", "2"),
        ("strtol('ff', 16)", "255"),
        ("charindex('b', 'abc')", "2"),
        ("last_day('2016-02-03'::timestamp)", "2016-02-29"),
        ("to_date('20151015', 'YYYYMMDD')", "2015-10-15"),
        ("json_extract_path_text('{\"a\": {\"b\": 1}}', 'a', 'b')", "1"),
        ("'1'::varchar = 1", "true"),
        ("'it\\'s'", "it's"),
        ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ] {
        assert_eq!(
            world.rows(&format!("select {expression}")).await,
            [expected],
            "{expression}"
        );
    }
    world.run("create table t (a int, b varchar(5))").await;
    world.run("insert into t values (1, 'x'), (2, 'y')").await;
    let listed = world.rows("select listagg(b, ',') within group (order by a desc) from t where b in (select b from t) and a > '0'::varchar");
    assert_eq!(listed.await, ["y,x"]);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html>
#[tokio::test]
async fn lengths_count_bytes_in_every_statement() {
    let world = World::new().await;
    world.run("create table t (a varchar(4), b char(3))").await;
    world
        .run("create table wide (a varchar(20), b varchar(20))")
        .await;
    world.run("insert into wide values ('größe', 'é')").await;
    world
        .run("insert into t values ('öö', 'abc'), ('ab    ', 'x')")
        .await;
    let too_long = "value too long for type character varying(4)";
    let multibyte = "Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: é";
    let merge = "merge into t using wide on t.a = wide.a when matched then delete \
                 when not matched then insert (a) values (wide.a)";
    for (sql, error) in [
        ("insert into t (a) values ('größe')", too_long),
        ("insert into t (a) values ('ööö')", too_long),
        ("insert into t (a) select a from wide", too_long),
        ("update t set a = 'ööö'", too_long),
        ("update t set a = wide.a from wide", too_long),
        (merge, too_long),
        (
            "insert into t (b) values ('abcd')",
            "value too long for type character(3)",
        ),
        ("insert into t (b) values ('é')", multibyte),
        ("insert into t (b) select b from wide", multibyte),
    ] {
        let found = world.error(sql).await;
        assert!(found.contains(error), "{sql}: {found}");
    }
    assert_eq!(
        world.rows("select a, b from t order by b").await,
        ["öö|abc", "ab|x"]
    );
    world
        .run("create table made as select a::varchar(4) as a, 'ab'::char(3) as b from wide")
        .await;
    assert_eq!(world.rows("select a, octet_length(a) from made").await, ["grö|4"]);
    assert!(
        world
            .error("insert into made (a) values ('ööö')")
            .await
            .contains(too_long)
    );
    assert_eq!(world.rows("select cast('größe' as varchar(3))").await, ["gr"]);
    world
        .run("create procedure p() as $$ declare v varchar(4); begin v := 'ööö'; end $$ language plpgsql")
        .await;
    assert!(world.error("call p()").await.contains(too_long));
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html>
#[tokio::test]
async fn blanks_at_the_end_count_for_nothing_when_texts_are_compared() {
    let world = World::new().await;
    world.run("create table one (k varchar(10), c char(5))").await;
    world.run("create table two (k varchar(10), c char(8))").await;
    world
        .run("insert into one values ('a ', 'a'), ('b', 'b'), ('', 'x')")
        .await;
    world
        .run("insert into two values ('a', 'a'), ('a  ', 'a'), ('  ', 'x')")
        .await;
    for (query, expected) in [
        ("select count(*) from one join two on one.k = two.k", "3"),
        ("select count(*) from one join two on one.c = two.k", "2"),
        (
            "select count(*) from one join two on upper(one.k) = upper(two.k)",
            "3",
        ),
        ("select count(*) from one where k in (select k from two)", "2"),
        (
            "select count(*) from one where k not in (select trim(k) from two)",
            "1",
        ),
        ("select count(distinct k) from two", "2"),
        (
            "select count(*) from (select k from one union select k from two) as both_of_them",
            "3",
        ),
        (
            "select count(*) from (select k || '' as k from two group by 1) as expressions",
            "2",
        ),
        (
            "select listagg(distinct k, ',') from (select trim(k) as k from two union all select k from one) as k where k <> 'b'",
            "a",
        ),
        ("select count(*) from one where k = 'a' or k = '   '", "2"),
        (
            "select count(*) from two where k between 'a' and 'a' and k >= 'a    '",
            "2",
        ),
        ("select case 'a '::varchar when 'a' then 'same' end", "same"),
        ("select decode('a ', 'a', 'same')", "same"),
        ("select count(*) from two where k like 'a'", "1"),
        ("select max(len(k)) from two", "3"),
        (
            "select count(*) from pg_class where relname = 'one' and relkind = 'r'",
            "1",
        ),
        (
            "select count(*) from svv_columns where table_name = 'one' and column_name in ('k', 'c')",
            "2",
        ),
    ] {
        assert_eq!(world.rows(query).await, [expected], "{query}");
    }
    world.run("delete from one using two where one.k = two.k").await;
    assert_eq!(world.rows("select k from one").await, ["b"]);
}

#[tokio::test]
async fn procedures_run_dynamic_statements() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(20))").await;
    world
        .run(
            "create or replace procedure fill(p_count int, p_text varchar) nonatomic as $$
             declare
                 v_count int;
             begin
                 for i in 1 .. p_count loop
                     execute 'insert into t values (' || i || ', ' || quote_literal(p_text) || ')';
                 end loop;
                 execute 'select count(*) from t where dateadd(day, 1, sysdate) > getdate()' into v_count;
                 if v_count <> p_count then
                     raise exception 'counted %', v_count;
                 end if;
             end;
             $$ language plpgsql security invoker",
        )
        .await;
    world.run("call fill(3, 'it''s')").await;
    assert_eq!(world.rows("select count(*), max(b) from t").await, ["3|it's"]);
    world
        .run("create or replace function twice(varchar, varchar) returns int stable as $$ select len($1 || $2) * 2 $$ language sql")
        .await;
    assert_eq!(world.rows("select twice('a', 'bc')").await, ["6"]);
    let python = "create function f() returns int stable as $$ return 1 $$ language plpythonu";
    assert!(
        world
            .error(python)
            .await
            .contains("LANGUAGE plpythonu is not supported by the local warehouse")
    );
}

#[tokio::test]
async fn rows_are_merged_updated_and_deleted() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(5))").await;
    world.run("create table s (a int, b varchar(5))").await;
    world.run("insert into t values (1, 'x'), (2, 'y')").await;
    world.run("insert into s values (2, 'z'), (3, 'n')").await;
    let merged = world
        .run("merge into t using s on t.a = s.a when matched then update set b = s.b when not matched then insert (a, b) values (s.a, s.b)")
        .await;
    assert_eq!(merged["ResultRows"], 2);
    world
        .run("update t set b = 'u' from s where s.a = t.a and s.a = 3")
        .await;
    world.run("delete t where a = 1").await;
    world
        .run("delete from t using s where s.a = t.a and s.b = 'z'")
        .await;
    assert_eq!(world.rows("select a, b from t").await, ["3|u"]);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html>, `c_unsupported-postgresql-datatypes.html`,
/// `c_unsupported-postgresql-functions.html` and `r_MERGE.html`
#[tokio::test]
async fn what_postgresql_alone_has_is_refused_by_name() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(5))").await;
    world.run("create table s (a int, b varchar(5))").await;
    let (matched, not_matched) = (
        "when matched then delete",
        "when not matched then insert (a) values (s.a)",
    );
    let merge = |arms: String| format!("merge into t using s on t.a = s.a {arms}");
    for (sql, name) in [
        ("insert into t values (1) on conflict do nothing", "ON CONFLICT"),
        ("insert into t values (1) returning a", "RETURNING"),
        ("select distinct on (a) a, b from t", "DISTINCT ON"),
        ("select string_agg(b, ',') from t", "STRING_AGG"),
        (
            "select count(*) filter (where a > 0) from t",
            "FILTER of an aggregate",
        ),
        ("select array_agg(a) from t", "ARRAY_AGG"),
        ("create table u (a serial)", "the type SERIAL"),
        ("create table u (a int, b uuid)", "the type UUID"),
        ("create table u (a json)", "the type JSON"),
        ("select '{}'::jsonb", "the type JSONB"),
        ("create table u (a int[])", "a type of arrays"),
        ("create table u (a varchar(3)[])", "a type of arrays"),
        ("alter table t add column c bigserial", "the type BIGSERIAL"),
        ("create table u (a int check (a > 0))", "a CHECK constraint"),
        (
            "create table u (a int, constraint k check (a > 0))",
            "a CHECK constraint",
        ),
        ("truncate t, s", "TRUNCATE of several tables"),
        (&merge(matched.to_owned()), "MERGE but with WHEN MATCHED"),
        (&merge(not_matched.to_owned()), "MERGE but with WHEN MATCHED"),
        (
            &merge(format!("{not_matched} {matched}")),
            "MERGE but with WHEN MATCHED",
        ),
        (
            &merge(format!("when matched and s.a > 1 then delete {not_matched}")),
            "MERGE but with WHEN MATCHED",
        ),
        (
            &merge(format!("when matched then do nothing {not_matched}")),
            "MERGE but with WHEN MATCHED",
        ),
    ] {
        let error = world.error(sql).await;
        let refusal = format!("ERROR: {name}");
        assert!(error.starts_with(&refusal), "{sql}: {error}");
        assert!(
            error.contains("not supported by Amazon Redshift"),
            "{sql}: {error}"
        );
    }
    let precision = world.error("create table u (a timestamp(3))").await;
    assert!(precision.contains("do not support precision"), "{precision}");
    world.run(&merge(format!("{matched} {not_matched}"))).await;
}

#[tokio::test]
async fn an_error_points_to_the_text_that_was_sent() {
    let world = World::new().await;
    let error = world
        .error("select sysdate, dateadd(day, 1, getdate()), nonsense from pg_class")
        .await;
    let position = "select sysdate, dateadd(day, 1, getdate()), ".len() + 1;
    assert_eq!(
        error,
        format!("ERROR: column \"nonsense\" does not exist\n  Position: {position}")
    );
    assert!(
        world
            .error("frobnicate")
            .await
            .contains("syntax error at or near \"frobnicate\"")
    );
    assert!(
        world
            .error("unload ('select 1') to 's3://b/'")
            .await
            .contains("UNLOAD is not supported")
    );
    assert!(
        world
            .error("select 'x")
            .await
            .contains("unterminated quoted string")
    );
}
