//! The Amazon Redshift Data API over PostgreSQL, on one machine.
//!
//! It takes the requests that `boto3` or an SDK would send to Amazon, runs Redshift's SQL on PostgreSQL 15 or newer, and reads
//! `COPY … FROM 's3://…'` through an [`ObjectReader`]. It follows Redshift's manual, not the habits of the loader in this repository,
//! and shares no code with it: what the loader renders wrongly must fail here as it would there. It speaks no HTTP, and it must never run
//! a statement as something else than what Redshift would run: what is not supported fails by name.
//!
//! ```no_run
//! use std::sync::Arc;
//! use longshore_local_warehouse::{ClusterEndpoint, ObjectReader, StatementEvents, Warehouse, WarehouseOptions};
//!
//! # async fn example(objects: Arc<dyn ObjectReader>, events: Arc<dyn StatementEvents>) -> Result<(), Box<dyn std::error::Error>> {
//! let mut postgres = tokio_postgres::Config::new();
//! postgres.host("127.0.0.1").user("longshore");
//! let warehouse = Warehouse::open(
//!     WarehouseOptions {
//!         account: "000000000000".to_owned(),
//!         region: "us-east-1".to_owned(),
//!         clusters: vec![ClusterEndpoint { identifier: "local".to_owned(), workgroup: None, postgres }],
//!     },
//!     objects,
//!     events,
//! )
//! .await?;
//! warehouse.prepare_database("local", "dev").await?;
//! let request = serde_json::json!({ "ClusterIdentifier": "local", "Database": "dev", "Sql": "SELECT getdate()" });
//! let answer = warehouse.handle("ExecuteStatement", request).await?;
//! println!("{}", answer["Id"]);
//! # Ok(())
//! # }
//! ```

mod api;
mod append;
mod connection;
mod copy;
mod engine;
mod error;
mod event;
pub mod fuzz;
mod live;
mod object;
mod opening;
mod result_set;
mod runner;
mod session;
mod sql;
mod store;
mod varbyte;
mod warehouse;

pub use error::{ApiError, OpenError};
pub use event::{StatementEvent, StatementEvents};
pub use object::{ObjectBody, ObjectReader, ObjectSummary};
pub use warehouse::{ClusterEndpoint, Isolation, Warehouse, WarehouseOptions};
