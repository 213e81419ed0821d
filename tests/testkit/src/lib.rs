//! What tests on a real PostgreSQL and on the shipped executables stand on.
//!
//! [`LocalStack`] starts `longshore local up` as an operator would, and ends it the polite way or like a power cut.
//!
//! [`TestServer`] is one throw-away server per test process, [`TestDatabase`] a database of its own for each test. Both
//! must not know what the databases are for, and must not skip a test: without PostgreSQL they fail and say the command
//! that installs it.
//!
//! `LONGSHORE_TEST_DATABASE_URL` names a server that runs already, as a superuser of it. The program `with-postgres` starts
//! one, sets the variable for the command it is given, and so saves a run of many test processes a server each.
//!
//! ```no_run
//! use longshore_testkit::TestDatabase;
//!
//! # async fn example() -> anyhow::Result<()> {
//! let database = TestDatabase::create().await?;
//! let client = database.client().await?;
//! client.batch_execute("CREATE TABLE orders (id integer)").await?;
//! # Ok(())
//! # }
//! ```

mod database;
mod server;
mod stack;

pub use database::TestDatabase;
pub use server::{DATABASE_URL_VARIABLE, TestServer, ThrowAwayServer};
pub use stack::{LocalStack, LocalStackOptions, ProcessTree, Ready, program};
