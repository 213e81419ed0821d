//! README.md's "Your first file", done as it is written there: what somebody types works, and what is shown comes of it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use longshore_testkit::{LocalStackOptions, program};

use crate::support::{Stack, World};

const PRODUCT: &str = include_str!("../../README.md");
const SECTION: &str = "\n## Your first file\n";

/// What somebody types, and the lines that the guide shows below it.
struct Typed<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

fn typed(readme: &str) -> Vec<Typed<'_>> {
    let rest = readme.split(SECTION).nth(1).unwrap_or_default();
    let section = rest.split("\n## ").next().unwrap_or_default();
    let mut all: Vec<Typed<'_>> = Vec::new();
    // Between the first fence and the second, the third and the fourth …
    for block in section.split("```").skip(1).step_by(2) {
        let mut of_block: Vec<Typed<'_>> = Vec::new();
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let shown = Vec::new();
                of_block.push(Typed { command, shown });
            } else if let Some(last) = of_block.last_mut() {
                last.shown.push(line);
            }
        }
        all.extend(of_block);
    }
    all
}

struct Walk<'a> {
    world: &'a World,
    /// Where the reader stands.
    folder: &'a Path,
}

impl Walk<'_> {
    async fn follow(&self, typed: &Typed<'_>) -> anyhow::Result<()> {
        let command = typed.command;
        if let Some(name) = command.strip_prefix("cat > ") {
            return self.write(name, &typed.shown);
        }
        if let Some(copied) = command.strip_prefix("aws s3 cp ") {
            return self.land(copied).await;
        }
        if command.starts_with("longshore ") {
            return self.run(typed);
        }
        if command.starts_with("export AWS_") || command.starts_with("curl ") {
            return self.names_the_stack(command);
        }
        let is_of_the_terminal = command == "make local" || command.starts_with("export PATH=");
        ensure!(is_of_the_terminal, "nobody knows what this does here: {command}");
        Ok(())
    }

    fn write(&self, name: &str, lines: &[&str]) -> anyhow::Result<()> {
        let typed = lines.iter().take_while(|line| **line != "^D");
        let text: String = typed.map(|line| format!("{line}\n")).collect();
        fs::write(self.folder.join(name), text).with_context(|| format!("write {name}"))
    }

    async fn land(&self, copied: &str) -> anyhow::Result<()> {
        let (name, to) = copied.split_once(' ').context("a file and where it goes")?;
        let ready = self.world.ready();
        assert_eq!(to, format!("s3://{}/{}", ready.bucket, ready.input_prefix));
        let bytes = fs::read(self.folder.join(name)).with_context(|| format!("read {name}"))?;
        self.world.land(name, bytes).await?.assert_loaded(3);
        Ok(())
    }

    fn run(&self, typed: &Typed<'_>) -> anyhow::Result<()> {
        let program = program("longshore")?;
        let folder = program.parent().context("the folder of the program")?;
        // What follows the script is its $0.
        let script = format!("export PATH=\"$0:$PATH\"; {}", typed.command);
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &script])
            .arg(folder)
            .current_dir(self.folder)
            .env("LONGSHORE_LOCAL", self.world.stack.local.ready_file())
            .env("USER", "ann")
            .output()
            .with_context(|| format!("run {}", typed.command))?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert!(output.status.success(), "{}\n{printed}", typed.command);
        // Ids and times are those of whoever wrote the guide; a table's frame is as wide as what is in it.
        let lines = typed.shown.iter().take(match typed.command {
            "longshore load list" => 2,
            _ => usize::MAX,
        });
        for line in lines.take_while(|line| **line != "…") {
            assert!(
                printed.lines().any(|printed| printed == *line),
                "{} does not print {line:?} but\n{printed}",
                typed.command
            );
        }
        Ok(())
    }

    /// Only the port differs here, where several stacks run side by side.
    fn names_the_stack(&self, command: &str) -> anyhow::Result<()> {
        let ready = self.world.ready();
        for part in [&ready.region, &ready.access_key_id, &ready.secret_access_key] {
            ensure!(command.contains(part.as_str()), "{command} does not say {part}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn from_nothing_to_rows_in_a_table_as_the_readme_says() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let folder = tempfile::TempDir::new()?;
    let walk = Walk {
        world: &world,
        folder: folder.path(),
    };
    let typed = typed(PRODUCT);
    assert!(typed.len() > 10, "{} commands", typed.len());
    for typed in &typed {
        walk.follow(typed).await?;
    }
    Ok(())
}
