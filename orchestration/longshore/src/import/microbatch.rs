//! The queue configurations of the SQS microbatch loader: one JSON file per queue, named after it.

use longshore_app::rules::Fault;
use longshore_app::rules::tree::{Content, Node};

use super::fields::{Fields, read_json};
use super::judge::judge;
use super::{Imported, Numbers, copy_options};

const SECTIONS: [&str; 4] = ["output", "copy", "cluster", "options"];

/// Reads the configuration of a queue, or names every fault of it.
pub(crate) fn import(text: &str, queue: &str, numbers: Numbers) -> Result<Imported, Vec<Fault>> {
    let root = read_json(text).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let sections = Fields::of(
        &root,
        "section of a queue's configuration",
        &SECTIONS,
        &mut faults,
    );
    let nothing = Node {
        line: root.line,
        content: Content::Map(Vec::new()),
    };
    let section = |name: &str| sections.node(&[name]).unwrap_or(&nothing);
    let what = "field of this section";
    let output = Fields::of(
        section("output"),
        what,
        &["manifest_bucket", "manifest_prefix"],
        &mut faults,
    );
    let copy = Fields::of(
        section("copy"),
        what,
        &["options", "role_arn", "table_name"],
        &mut faults,
    );
    let cluster = Fields::of(section("cluster"), what, &["identifier", "db_name"], &mut faults);
    let merge = ["merge_duplicate_pks", "merge_pk", "merge_timestamp"];
    let options = Fields::of(section("options"), what, &merge, &mut faults);

    let mut imported = Imported::default();
    let table = copy.required(&["table_name"], &mut faults);
    numbered(&mut imported, numbers, &table, queue);
    imported.set_table(&table);
    put_format(&mut imported, &copy);
    put_warehouse(&mut imported, &cluster, &copy, numbers, &mut faults);
    put_merge(&mut imported, &options, &mut faults);
    if output.has(&["manifest_bucket", "manifest_prefix"]) {
        imported.remark("manifests lie in processing_folder");
    }
    judge(&mut imported);
    match faults.is_empty() {
        true => Ok(imported),
        false => Err(faults),
    }
}

fn numbered(imported: &mut Imported, numbers: Numbers, table: &str, queue: &str) {
    let Numbers {
        rule,
        interface,
        target,
    } = numbers;
    imported.interface.set("ext_interface_cid", interface);
    imported.interface.set("interface_name", table);
    imported.target.set("ext_target_sid", target);
    imported.rule.set("ext_file_config_sid", rule);
    imported.rule.set("ext_interface_cid", interface);
    imported.rule.set("file_prefix", format!("{queue}."));
    imported.rule.set("queue_name", queue);
    imported.remark(format!("whatever the queue {queue} announces falls under the rule; the queue belongs before external-file-process"));
}

/// What the options do not say is COPY's own default: text with pipes.
fn put_format(imported: &mut Imported, copy: &Fields<'_>) {
    imported.rule.set("file_format", "txt");
    if let Some(options) = copy.text(&["options"]) {
        copy_options::put(&options, imported);
    }
    let is_text = matches!(imported.rule.get("file_format"), Some("txt" | "csv"));
    if imported.rule.get("file_format") == Some("txt") && imported.rule.get("delimiter").is_none() {
        imported.rule.set("delimiter", "|");
    }
    imported.rule.set("file_type", "any");
    if is_text {
        imported.remark("columns: it names none; list the file's columns in their order before you apply it");
    }
    imported.remark(
        "load_id_column, file_name_column: its tables have no such columns; name them where yours do",
    );
    imported.rule.set("file_name_column", "");
    imported.leave_files();
}

fn put_warehouse(
    imported: &mut Imported,
    cluster: &Fields<'_>,
    copy: &Fields<'_>,
    numbers: Numbers,
    faults: &mut Vec<Fault>,
) {
    let identifier = cluster.required(&["identifier"], faults);
    let database = cluster.required(&["db_name"], faults);
    imported
        .target
        .set("target_name", format!("{identifier}/{database}"));
    imported.target.set("cluster_identifier", identifier);
    imported.target.set("database_name", database);
    imported.target.set(
        "iam_role",
        copy.text(&["role_arn"]).unwrap_or_else(|| "default".to_owned()),
    );
    if imported.target.get("region").is_none() {
        imported.target.set("region", "REGION");
        imported.remark("region: it names none; write the region of the buckets for REGION");
    }
    imported.remark("login: it names none; name a secret in secret_arn or a user in database_user, else the caller's identity counts");
    imported.rule.set("ext_target_sid", numbers.target);
}

fn put_merge(imported: &mut Imported, options: &Fields<'_>, faults: &mut Vec<Fault>) {
    if options.is_yes(&["merge_duplicate_pks"]) {
        imported.rule.set("load_mode", "merge");
        imported
            .rule
            .set("merge_keys", options.required(&["merge_pk"], faults));
        imported
            .rule
            .set_if("merge_order", options.text(&["merge_timestamp"]));
    } else if options.has(&["merge_pk", "merge_timestamp"]) {
        imported.remark("merge_pk and merge_timestamp are left out: merge_duplicate_pks is not true");
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const FILE: &str = r#"{
    "output": {
        "manifest_bucket": "loads",
        "manifest_prefix": "manifests/"
    },
    "copy": {
        "options": "FORMAT AS PARQUET",
        "role_arn": "arn:aws:iam::123456789012:role/copy",
        "table_name": "sales.orders"
    },
    "cluster": {
        "identifier": "warehouse",
        "db_name": "dev"
    },
    "options": {
        "merge_duplicate_pks": true,
        "merge_pk": "order_id",
        "merge_timestamp": "updated_at"
    }
}"#;

    #[test]
    fn a_queues_configuration_becomes_a_rule_a_feed_and_a_target() {
        let yaml = import(FILE, "orders_queue", Numbers::SAMPLE)
            .unwrap()
            .yaml("orders_queue.json");
        assert_snapshot!(yaml, @r##"
    # From orders_queue.json. Review it, then: longshore rule apply FILE --why TEXT
    # - whatever the queue orders_queue announces falls under the rule; the queue belongs before external-file-process
    # - load_id_column, file_name_column: its tables have no such columns; name them where yours do
    # - archive_flag: its files stay where they landed, as they did; leave it out to have them moved to the archive
    # - region: it names none; write the region of the buckets for REGION
    # - login: it names none; name a secret in secret_arn or a user in database_user, else the caller's identity counts
    # - manifests lie in processing_folder
    # - columns: rule apply would refuse it: no column is active for this rule, and load_mode merge compares rows column by column; list the file's columns
    interfaces:
      - ext_interface_cid: 701
        interface_name: sales.orders
    targets:
      - ext_target_sid: 1
        target_name: warehouse/dev
        cluster_identifier: warehouse
        database_name: dev
        iam_role: "arn:aws:iam::123456789012:role/copy"
        region: REGION
    rules:
      - ext_file_config_sid: 71
        ext_interface_cid: 701
        file_prefix: orders_queue.
        queue_name: orders_queue
        tgt_schema_name: sales
        tgt_table_name: orders
        file_format: parquet
        file_type: any
        file_name_column: ~
        archive_flag: "N"
        ext_target_sid: 1
        load_mode: merge
        merge_keys: order_id
        merge_order: updated_at
    "##);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let faulty = FILE
            .replace("merge_pk\"", "merge_pks\"")
            .replace("\"copy\"", "\"copi\"");
        let faults = import(&faulty, "q", Numbers::SAMPLE).unwrap_err();
        let said: Vec<_> = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.line, fault.what))
            .collect();
        assert_eq!(
            said,
            [
                "6: \"copi\" is no section of a queue's configuration; did you mean copy?",
                "17: \"merge_pks\" is no field of this section; did you mean merge_pk?",
                "1: table_name is not set",
                "15: merge_pk is not set",
            ]
        );
    }
}
