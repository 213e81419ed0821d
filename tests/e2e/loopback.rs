//! The local stack is for whoever sits at this machine: nobody reaches it from another.
//! Read from `/proc`, so on Linux alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::support::World;

/// This machine, as `/proc/net/tcp` and `tcp6` write it: 127.0.0.1, ::1, and the first as the second would.
const LOOPBACK: [&str; 3] = [
    "0100007F",
    "00000000000000000000000001000000",
    "0000000000000000FFFF00000100007F",
];
const LISTENS: &str = "0A";

/// A process and everything that it started.
fn family(oldest: i32) -> anyhow::Result<BTreeSet<i32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        // It may have ended meanwhile. The name before the parent is in brackets and may hold anything.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        let after_name = stat.rsplit_once(") ").context("a stat line")?.1;
        let parent: i32 = after_name.split(' ').nth(1).context("a parent")?.parse()?;
        parents.push((process, parent));
    }
    let mut all = BTreeSet::from([oldest]);
    loop {
        let children = parents.iter().filter(|(_, parent)| all.contains(parent));
        let grown: BTreeSet<i32> = children
            .map(|(process, _)| *process)
            .chain(all.iter().copied())
            .collect();
        if grown.len() == all.len() {
            return Ok(all);
        }
        all = grown;
    }
}

/// The sockets that a process holds, by the numbers that the kernel has for them.
fn sockets(process: i32) -> BTreeSet<String> {
    let Ok(held) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return BTreeSet::new();
    };
    held.filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        let socket = target
            .to_string_lossy()
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .to_owned();
        Some(socket)
    })
    .collect()
}

/// Where these sockets listen: addresses of the kernel's writing, with their ports.
fn listening(sockets: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        if !Path::new(table).exists() {
            continue;
        }
        for line in fs::read_to_string(table)?.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, address, _, state, _, _, _, _, _, socket, ..] = fields.as_slice() else {
                continue;
            };
            if *state == LISTENS && sockets.contains(*socket) {
                all.push((*address).to_owned());
            }
        }
    }
    Ok(all)
}

#[tokio::test]
async fn nothing_of_the_local_stack_listens_beyond_this_machine() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let ready = world.ready();
    let sockets = family(ready.process_id)?.into_iter().flat_map(sockets).collect();
    let addresses = listening(&sockets)?;
    let port_of = |url: &str| {
        let port = url.rsplit(':').next().unwrap_or_default();
        port.split('/').next().unwrap_or_default().parse::<u16>()
    };
    for url in [&ready.endpoint_url, &ready.control_database_url] {
        let port = format!(":{:04X}", port_of(url)?);
        ensure!(
            addresses.iter().any(|address| address.ends_with(&port)),
            "{url} is not among {addresses:?}"
        );
    }
    let beyond = addresses.iter().filter(|address| {
        let (host, _) = address.split_once(':').unwrap_or_default();
        !LOOPBACK.contains(&host)
    });
    assert_eq!(beyond.collect::<Vec<_>>(), Vec::<&String>::new());
    Ok(())
}
