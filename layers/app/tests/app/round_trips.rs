//! How often a function waits for its control database while it carries out an event.

use longshore_app::{FinishStatement, StatementStatus};

use crate::support::bench::Bench;
use crate::support::line::{Line, Reading};
use crate::support::rules::Rule;

const RULE: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL");
/// Files before the one that is looked at: by then all statements are prepared, and the marker table is there.
const WARM: usize = 3;

/// The one question whether the connection lives, and what each step of the walk waits for. A change that adds to it should know that it does.
const OF_A_FILE: Reading = Reading { trips: 15, asked: 40 };
const OF_ITS_STATEMENT: Reading = Reading { trips: 19, asked: 31 };

#[tokio::test]
async fn a_warm_event_waits_for_the_control_database_no_oftener_than_its_steps_must() {
    let bench = Bench::with(&[RULE]).await;
    let line = Line::to(bench.database()).await;
    let world = bench.world_on(line.port);
    let mut took = Vec::new();
    for number in 0..=WARM {
        let object = world.land(&format!("in/f{number}_701.txt"), "plum|1\n");
        world.app.store.wake();
        let before = line.read();
        world
            .announce(&object, &format!("announcement {number}"))
            .await
            .done();
        let submitted = line.read();
        let statement = world.warehouse.handed().pop().unwrap();
        world.app.store.wake();
        let invocation = world.invocation(&format!("event {number}"));
        let finish = FinishStatement {
            app: &world.app,
            invocation: &invocation,
        };
        let status = StatementStatus {
            statement_id: statement.id,
            statement_name: Some(statement.name),
        };
        finish.run(status).await.unwrap();
        took.push((submitted.since(before), line.read().since(submitted)));
    }
    assert_eq!(took[WARM], (OF_A_FILE, OF_ITS_STATEMENT));
}
