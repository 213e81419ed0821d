//! What a procedure sees: Redshift takes a transaction's snapshot at its first query, and neither CALL nor LOCK is one.

use tokio_postgres::Client;

use crate::support::World;

const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted";

impl World {
    /// A table that `move_rows` locks, the rows it moves, and where they go.
    async fn moving(lock: &str) -> Self {
        let world = Self::new().await;
        for sql in [
            "create table gate (a int)",
            "create table stage (a int)",
            "create table core (a int)",
            "create table moved (a int)",
            "insert into stage values (1), (2)",
        ] {
            world.run(sql).await;
        }
        world
            .run(&format!(
                "create procedure move_rows(p_gate varchar) as $$
                 declare
                     v_left int;
                 begin
                     {lock}
                     insert into core select a from stage where a not in (select a from moved);
                     insert into moved select a from stage where a not in (select a from moved);
                 end $$ language plpgsql"
            ))
            .await;
        world
    }

    /// Somebody else holds the gate.
    async fn gate_held(&self) -> Client {
        let holder = self.cluster.as_ref().unwrap().connect("dev").await.unwrap();
        holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
        holder
    }

    /// Runs two texts side by side; both wait at the gate before either goes on.
    async fn overlapping(&self, text: &str) -> [String; 2] {
        let holder = self.gate_held().await;
        let ids = [self.submit(text).await, self.submit(text).await];
        until_waiting(&holder, 2).await;
        holder.batch_execute("COMMIT").await.unwrap();
        let mut ends = Vec::new();
        for id in &ids {
            let end = self.end_of(id).await;
            ends.push(
                end["Error"]
                    .as_str()
                    .or(end["Status"].as_str())
                    .unwrap()
                    .to_owned(),
            );
        }
        ends.try_into().unwrap()
    }
}

async fn until_waiting(client: &Client, count: i64) {
    while client.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_procedures_that_lock_first_move_no_row_twice() {
    for lock in [
        "lock table gate;",
        "LOCK gate; lock core;",
        "execute 'LOCK TABLE ' || lower(p_gate);",
        "execute 'LOCK  TABLE gate, stage';",
        "if p_gate is null then raise exception 'which gate?'; end if; v_left := 1; execute 'lock ' || p_gate;",
    ] {
        let world = World::moving(lock).await;
        let ends = world.overlapping("call move_rows('GATE')").await;
        assert_eq!(ends, ["FINISHED", "FINISHED"], "{lock}");
        assert_eq!(world.rows("select count(*) from core").await, ["2"], "{lock}");
    }
}

#[tokio::test]
async fn a_procedure_that_looks_before_it_locks_keeps_its_first_view() {
    for look in [
        "select count(*) into v_left from moved; lock gate;",
        "execute 'select count(*) from moved' into v_left; execute 'lock gate';",
        "execute 'create temp table looked as select a from moved'; lock gate;",
    ] {
        let world = World::moving(look).await;
        let ends = world.overlapping("call move_rows('gate')").await;
        assert_eq!(ends, ["FINISHED", "FINISHED"], "{look}");
        assert_eq!(world.rows("select count(*) from core").await, ["4"], "{look}");
    }
}

#[tokio::test]
async fn a_procedure_within_a_procedure_locks_first_where_the_outer_one_has_not_looked() {
    let world = World::moving("lock gate;").await;
    world
        .run("create procedure outer_one() as $$ begin raise info 'on we go'; call move_rows('gate'); end $$ language plpgsql")
        .await;
    assert_eq!(
        world.overlapping("call outer_one()").await,
        ["FINISHED", "FINISHED"]
    );
    assert_eq!(world.rows("select count(*) from core").await, ["2"]);
    world
        .run("create procedure peeking() as $$ declare n int; begin select count(*) into n from moved; call move_rows('gate'); end $$ language plpgsql")
        .await;
    world.run("insert into stage values (3)").await;
    world.overlapping("call peeking()").await;
    assert_eq!(world.rows("select count(*) from core").await, ["4"], "3 twice");
}

#[tokio::test]
async fn in_a_batch_only_locks_and_settings_may_come_before_the_call() {
    let world = World::moving("lock gate;").await;
    for (first, rows) in [
        ("lock stage in share mode", "2"),
        ("select count(*) from moved", "4"),
    ] {
        world.run("truncate core").await;
        world.run("truncate moved").await;
        let holder = world.gate_held().await;
        let mut ids = Vec::new();
        for _ in 0..2 {
            let sqls = serde_json::json!({ "Sqls": [first, "call move_rows('gate')"] });
            let answer = world.call("BatchExecuteStatement", sqls).await.unwrap();
            ids.push(answer["Id"].as_str().unwrap().to_owned());
        }
        until_waiting(&holder, 2).await;
        holder.batch_execute("COMMIT").await.unwrap();
        for id in &ids {
            assert_eq!(world.end_of(id).await["Status"], "FINISHED", "{first}");
        }
        assert_eq!(world.rows("select count(*) from core").await, [rows], "{first}");
    }
}

#[tokio::test]
async fn two_procedures_that_change_one_row_without_a_lock_still_fail_with_1023() {
    let world = World::new().await;
    world.run("create table core (a int)").await;
    world.run("insert into core values (1)").await;
    world
        .run("create procedure change() as $$ begin update core set a = a + 1; end $$ language plpgsql")
        .await;
    let other = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    other.batch_execute("BEGIN; UPDATE core SET a = 2").await.unwrap();
    let id = world.submit("call change()").await;
    until_waiting(&other, 1).await;
    other.batch_execute("COMMIT").await.unwrap();
    let error = world.end_of(&id).await["Error"].to_string();
    assert!(error.contains("1023"), "{error}");
}

#[tokio::test]
async fn a_lock_of_nothing_fails_as_it_would_in_the_procedure() {
    let world = World::moving("lock nowhere;").await;
    let error = world.error("call move_rows('gate')").await;
    assert!(error.contains("relation \"nowhere\" does not exist"), "{error}");
}

#[tokio::test]
async fn a_procedure_that_locks_runs_for_people_with_psql_too() {
    let world = World::moving("execute 'lock ' || p_gate;").await;
    let person = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    person.batch_execute("CALL move_rows('gate')").await.unwrap();
    assert_eq!(world.rows("select count(*) from core").await, ["2"]);
}

/// A procedure that writes a row, fails by a division, and tells in its handler.
fn failing(name: &str, mode: &str, handler: &str) -> String {
    format!(
        "create procedure {name}() {mode} as $$
         declare z int;
         begin
             insert into work values (1);
             begin
                 insert into work values (case when 1 = 1 then 2 end);
                 z := 1 / 0;
             exception when others then
                 {handler}
             end;
             insert into work values (3);
         end $$ language plpgsql"
    )
}

impl World {
    async fn trapping() -> Self {
        let world = Self::new().await;
        world.run("create table work (a int)").await;
        world.run("create table told (what varchar(100))").await;
        world
    }

    async fn work_and_told(&self) -> [Vec<String>; 2] {
        [
            self.rows("select a from work order by a").await,
            self.rows("select what from told").await,
        ]
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html>
#[tokio::test]
async fn a_handler_is_committed_in_place_of_the_work_and_the_error_thrown_again() {
    let tell = "insert into told values (sqlerrm);";
    for handler in [tell, &format!("{tell} if found then return; end if;")] {
        let world = World::trapping().await;
        world.run(&failing("p", "", handler)).await;
        let error = world.error("call p()").await;
        assert!(error.starts_with("ERROR: division by zero"), "{error}");
        let told = ["division by zero".to_owned()];
        assert_eq!(world.work_and_told().await, [&[][..], &told], "{handler}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_leaves_nothing_and_its_own_error() {
    let world = World::trapping().await;
    let handler = "insert into told values (sqlerrm); raise exception 'mine';";
    world.run(&failing("p", "", handler)).await;
    let error = world.error("call p()").await;
    assert!(error.starts_with("ERROR: mine"), "{error}");
    assert_eq!(world.work_and_told().await, [[""; 0], [""; 0]]);
}

#[tokio::test]
async fn a_handler_of_a_nonatomic_procedure_ends_the_error() {
    let world = World::trapping().await;
    let handler = "insert into told values (sqlerrm);";
    world.run(&failing("p", "nonatomic", handler)).await;
    world.run("call p()").await;
    assert_eq!(
        world.work_and_told().await,
        [&["1", "3"][..], &["division by zero"]]
    );
}

#[tokio::test]
async fn a_handler_in_a_batch_is_committed_where_each_statement_is() {
    let world = World::trapping().await;
    let handler = "insert into told values (sqlerrm);";
    world.run(&failing("p", "", handler)).await;
    let sqls = [
        "insert into work values (0)",
        "call p()",
        "insert into work values (4)",
    ];
    for (mode, work, told) in [
        ("TRANSACTION", &[][..], &[][..]),
        ("AUTO_COMMIT", &["0", "4"], &["division by zero"]),
    ] {
        let request = serde_json::json!({ "Sqls": sqls, "ExecutionMode": mode });
        let answer = world.call("BatchExecuteStatement", request).await.unwrap();
        let end = world.end_of(answer["Id"].as_str().unwrap()).await;
        assert_eq!(end["Status"], "FAILED", "{mode}");
        let error = end["Error"].as_str().unwrap();
        assert!(
            error.starts_with("Query #2 failed with ERROR: division by zero"),
            "{mode}: {error}"
        );
        assert_eq!(world.work_and_told().await, [work, told], "{mode}");
    }
}

#[tokio::test]
async fn a_handler_of_anything_but_others_is_refused() {
    let world = World::trapping().await;
    for (exception, refusal) in [
        (
            "when division_by_zero then null;",
            "is OTHERS, and nothing beside it: division_by_zero",
        ),
        ("when others or division_by_zero then null;", "is OTHERS"),
        (
            "continue_handler when others then null;",
            "CONTINUE_HANDLER is not supported",
        ),
    ] {
        let body = format!("begin null; exception {exception} end");
        let error = world
            .error(&format!("create procedure p() as $$ {body} $$ language plpgsql"))
            .await;
        assert!(error.contains(refusal), "{exception}: {error}");
    }
    let nested = "begin begin null; exception when others then null; end; exception exit_handler when others then null; end";
    let error = world
        .error(&format!(
            "create procedure p() as $$ {nested} $$ language plpgsql"
        ))
        .await;
    assert!(
        error.contains("an EXCEPTION block within another is not supported"),
        "{error}"
    );
    world
        .run(&format!(
            "create procedure p() nonatomic as $$ {nested} $$ language plpgsql"
        ))
        .await;
}
