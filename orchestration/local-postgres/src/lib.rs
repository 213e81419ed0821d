//! A PostgreSQL server of our own on any machine.
//!
//! It finds server binaries that are installed, initialises a data folder when there is none, starts the server as a user it
//! accepts, and sees that it ends when this process ends, however that happens. It must not download anything, touch a cluster
//! that somebody else runs, or know what the databases are for.
//!
//! ```no_run
//! use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::start(ClusterOptions {
//!     durability: Durability::ThrowAway,
//!     ..ClusterOptions::at("/tmp/example/pg")
//! })?;
//! cluster.create_database_if_absent("orders").await?;
//! let client = cluster.connect("orders").await?;
//! client.simple_query("SELECT 1").await?;
//! cluster.stop()?;
//! # Ok(())
//! # }
//! ```

mod binaries;
mod cluster;
mod data_dir;
mod error;
mod lock_file;
mod password;
mod server;

pub use binaries::Binaries;
pub use cluster::{Cluster, ClusterOptions, Durability, SUPERUSER};
pub use error::PostgresError;
