//! `import awslabs` and `import microbatch`: the configuration of an older loader as a document for `rule apply`.

use std::path::Path;

use longshore_app::rules::{Fault, Faults};

use crate::cli::{ImportArguments, ImportCommand};
use crate::exit::{ExitStatus, input};
use crate::import::{Imported, Numbers, awslabs, microbatch};
use crate::output::Output;
use crate::read::read_text;

/// Carries out an `import` command.
pub(crate) fn run(command: ImportCommand, output: Output) -> anyhow::Result<ExitStatus> {
    match command {
        ImportCommand::Awslabs(arguments) => {
            let imported = awslabs::import(&read_text(&arguments.file)?, numbers(&arguments));
            show(imported, &arguments.file, output)
        }
        ImportCommand::Microbatch { arguments, queue } => {
            let queue = queue.unwrap_or_else(|| stem(&arguments.file));
            let imported = microbatch::import(&read_text(&arguments.file)?, &queue, numbers(&arguments));
            show(imported, &arguments.file, output)
        }
    }
}

fn numbers(arguments: &ImportArguments) -> Numbers {
    Numbers {
        rule: arguments.rule,
        interface: arguments.interface,
        target: arguments.target,
    }
}

/// A queue's configuration is called after it.
fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn show(imported: Result<Imported, Vec<Fault>>, path: &Path, output: Output) -> anyhow::Result<ExitStatus> {
    let name = path.display().to_string();
    let imported = imported.map_err(|list| {
        let name = name.clone();
        input(Faults { name, list }.to_string())
    })?;
    match output.is_json() {
        true => output.json(&imported.json())?,
        false => output.line(imported.yaml(&name).trim_end())?,
    }
    Ok(ExitStatus::Done)
}
