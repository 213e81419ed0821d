//! Starts a server in the folder that it reads from its input, says its process id, and owns it until the input ends: the
//! process that a test kills to see the server end with it.

use std::io::Write;
use std::path::Path;

use longshore_local_postgres::{Cluster, ClusterOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder)?;
    let cluster = Cluster::start(ClusterOptions::at(Path::new(folder.trim()).join("pg")))?;
    writeln!(std::io::stdout(), "postmaster {}", cluster.process_id())?;
    std::io::stdin().read_line(&mut folder)?;
    Ok(())
}
