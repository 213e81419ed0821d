//! `rule infer`: what a rule for files like these would say.

use anyhow::Context;

use crate::cli::{HasHeader, InferArguments};
use crate::exit::{ExitStatus, input};
use crate::infer::{Known, propose};
use crate::output::Output;

pub(super) fn run(arguments: &InferArguments, output: Output) -> anyhow::Result<ExitStatus> {
    let known = Known {
        rule: arguments.rule,
        interface: arguments.interface,
        table: arguments.table.clone(),
        delimiter: arguments.delimiter,
        widths: arguments.widths.clone(),
        header: arguments.header.map(|header| header == HasHeader::Yes),
    };
    let proposal = propose(&arguments.files, &known).map_err(input)?;
    if output.is_json() {
        output.json(&proposal.json().context("name the tables")?)?;
    } else if arguments.ddl {
        let tables = proposal.tables().context("name the tables")?;
        let tables: Vec<String> = tables.iter().map(crate::infer::Tables::sql).collect();
        output.line(tables.join("\n\n"))?;
    } else {
        output.line(proposal.yaml().trim_end())?;
    }
    Ok(ExitStatus::Done)
}
