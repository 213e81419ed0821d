//! awslabs/aws-lambda-redshift-loader: its config.json, or the item of its table LambdaRedshiftBatchLoadConfig.

mod cluster;

use longshore_app::rules::Fault;

use super::fields::{Fields, read_json};
use super::judge::judge;
use super::{Imported, Numbers, copy_options};
use cluster::{OF_CLUSTER, clusters, further_clusters, target};

/// What both forms call their fields; where they differ, the file's name comes first.
const KNOWN: [&str; 37] = [
    "region",
    "s3Prefix",
    "filenameFilter",
    "filenameFilterRegex",
    "loadClusters",
    "df",
    "dataFormat",
    "csvDelimiter",
    "ignoreCsvHeader",
    "jsonPaths",
    "jsonPath",
    "manifestBucket",
    "manifestPrefix",
    "manifestKey",
    "failedManifestPrefix",
    "failedManifestKey",
    "accessKey",
    "accessKeyForS3",
    "secretKey",
    "secretKeyForS3",
    "symmetricKey",
    "masterSymmetricKey",
    "successTopic",
    "successTopicARN",
    "failureTopic",
    "failureTopicARN",
    "batchSize",
    "batchSizeBytes",
    "batchTimeoutSecs",
    "copyOptions",
    "currentBatch",
    "version",
    "lastUpdate",
    "lastBatchRotation",
    "status",
    "table",
    "truncateTable",
];
/// Reads a configuration, or names every fault of it.
pub(crate) fn import(text: &str, numbers: Numbers) -> Result<Imported, Vec<Fault>> {
    let root = read_json(text).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let known = [KNOWN.as_slice(), OF_CLUSTER.as_slice()].concat();
    let fields = Fields::of(&root, "field of an awslabs configuration", &known, &mut faults);
    let clusters = clusters(&fields);
    let of_cluster = clusters.first().map(|cluster| {
        Fields::of(
            cluster,
            "field of a cluster of an awslabs configuration",
            &OF_CLUSTER,
            &mut faults,
        )
    });
    let mut imported = Imported::default();
    let cluster = of_cluster.as_ref().unwrap_or(&fields);
    Import {
        fields: &fields,
        cluster,
        numbers,
        faults: &mut faults,
        imported: &mut imported,
    }
    .run();
    if let Some(first) = &of_cluster {
        further_clusters(&fields, first, clusters, numbers, &mut faults, &mut imported);
    }
    judge(&mut imported);
    match faults.is_empty() {
        true => Ok(imported),
        false => Err(faults),
    }
}

struct Import<'a> {
    fields: &'a Fields<'a>,
    cluster: &'a Fields<'a>,
    numbers: Numbers,
    faults: &'a mut Vec<Fault>,
    imported: &'a mut Imported,
}

impl Import<'_> {
    fn run(&mut self) {
        let table = self.cluster.required(&["targetTable"], &mut Vec::new());
        let table = match table.is_empty() {
            true => self.fields.required(&["table", "targetTable"], self.faults),
            false => table,
        };
        self.numbered(&table);
        self.imported.set_table(&table);
        self.objects();
        self.format();
        self.warehouse();
        self.loading();
        self.left_out();
    }

    fn numbered(&mut self, table: &str) {
        let Numbers {
            rule,
            interface,
            target,
        } = self.numbers;
        self.imported.interface.set("ext_interface_cid", interface);
        self.imported.interface.set("interface_name", table);
        self.imported.target.set("ext_target_sid", target);
        self.imported.rule.set("ext_file_config_sid", rule);
        self.imported.rule.set("ext_interface_cid", interface);
        self.imported.rule.set("file_prefix", format!("{table}."));
    }

    /// Which objects it is about: a folder of a bucket, with a filter those alone that it finds something in. Others it left alone, and
    /// so do we.
    fn objects(&mut self) {
        let prefix = self.fields.required(&["s3Prefix"], self.faults);
        let path = prefix.trim_start_matches("s3://").trim_end_matches('/');
        let (bucket, folder) = path.split_once('/').unwrap_or((path, ""));
        self.imported.remark(format!(
            "have s3://{bucket}/{folder} announced, and name it in LONGSHORE_WATCHED_PREFIXES"
        ));
        self.imported.rule.set("bucket", bucket);
        match (
            self.fields.text(&["filenameFilter", "filenameFilterRegex"]),
            folder,
        ) {
            (None, "") => self.imported.rule.set("key_regex", ".*"),
            (None, folder) => self.imported.rule.set("key_pattern", folder),
            (Some(filter), "") => self.imported.rule.set("key_regex", expression(&filter)),
            (Some(filter), folder) => {
                self.imported.rule.set("key_pattern", folder);
                self.imported.rule.set("name_filter", expression(&filter));
                self.imported.rule.set("ignore_names", "*");
                if filter.contains('/') {
                    self.imported.remark(
                        "name_filter: here it is about what follows the folder; leave out what it says of the folder itself",
                    );
                }
            }
        }
    }

    fn format(&mut self) {
        let format = self
            .fields
            .required(&["df", "dataFormat"], self.faults)
            .to_ascii_lowercase();
        self.imported.rule.set("file_format", &format);
        if format == "csv" {
            self.imported
                .rule
                .set_if("delimiter", self.fields.text(&["csvDelimiter"]));
        }
        if self.fields.is_yes(&["ignoreCsvHeader"]) {
            self.imported.rule.set("header_flag", "Y");
        }
        let paths = self.fields.text(&["jsonPaths", "jsonPath"]);
        let paths = paths.map(|paths| match paths.starts_with("s3://") || !paths.contains('/') {
            true => paths,
            false => format!("s3://{paths}"),
        });
        self.imported.rule.set_if("json_paths", paths);
        if let Some(options) = self.fields.text(&["copyOptions"]) {
            copy_options::put(&options, self.imported);
        }
        // Its COPY said FORMAT CSV unless these options, which that excludes, were there.
        if self.imported.rule.get("file_format") == Some("csv")
            && self.imported.rule.get("escape_char").is_some()
        {
            self.imported.rule.set("file_format", "txt");
        }
        self.imported.rule.set("file_type", "any");
        let columns = self
            .cluster
            .text(&["columnList"])
            .or_else(|| self.fields.text(&["columnList"]));
        let columns = columns.unwrap_or_default();
        let columns = columns.split(',').map(|column| column.trim().trim_matches('"'));
        self.imported.columns = columns
            .filter(|column| !column.is_empty())
            .map(str::to_owned)
            .collect();
        if self.imported.columns.is_empty()
            && matches!(self.imported.rule.get("file_format"), Some("csv" | "txt"))
        {
            self.imported
                .remark("columns: it names none; list the file's columns in their order before you apply it");
        }
    }

    fn warehouse(&mut self) {
        let reached = target(self.fields, self.cluster, self.faults);
        self.imported.target.set_all(reached);
        if self.imported.target.get("region").is_none() {
            self.imported
                .target
                .set_if("region", self.fields.text(&["region"]));
        }
        self.imported.rule.set("ext_target_sid", self.numbers.target);
        self.imported.remark(
            "the password is not carried over: database_user logs in with temporary credentials; or put the login into a secret and name it in secret_arn",
        );
        self.imported.remark(
            "iam_role: COPY reads with the warehouse's default role; name another where it needs one",
        );
    }

    fn loading(&mut self) {
        let of_cluster = |names: &[&str]| self.cluster.text(names).or_else(|| self.fields.text(names));
        let truncates = self.cluster.is_yes(&["truncateTarget"]) || self.fields.is_yes(&["truncateTable"]);
        if truncates {
            self.imported.rule.set("load_mode", "truncate");
        }
        self.imported.rule.set_if("pre_sql", of_cluster(&["presql"]));
        self.imported.rule.set_if("post_sql", of_cluster(&["postsql"]));
        // A batch of one file is none.
        let files = self.fields.count_above(&["batchSize"], 1, self.faults);
        let bytes = self.fields.count_above(&["batchSizeBytes"], 0, self.faults);
        let seconds = self.fields.count_above(&["batchTimeoutSecs"], 0, self.faults);
        let is_batched = files.is_some() || bytes.is_some();
        self.imported.rule.set_if("batch_files", files);
        self.imported.rule.set_if("batch_bytes", bytes);
        match (is_batched, seconds) {
            (true, seconds) => self.imported.rule.set_if("batch_seconds", seconds),
            (false, Some(_)) => self
                .imported
                .remark("batchTimeoutSecs: each file is loaded at once, so none waits"),
            (false, None) => {}
        }
        let topic = |names: &[&str]| self.fields.text(names);
        self.imported
            .rule
            .set_if("success_topic_arn", topic(&["successTopic", "successTopicARN"]));
        self.imported
            .rule
            .set_if("failure_topic_arn", topic(&["failureTopic", "failureTopicARN"]));
        self.imported.remark(
            "load_id_column, file_name_column: its tables have no such columns; name them where yours do",
        );
        self.imported.rule.set("file_name_column", "");
        self.imported.leave_files();
    }

    fn left_out(&mut self) {
        let left_out: [(&[&str], &str); 5] = [
            (
                &[
                    "manifestBucket",
                    "manifestPrefix",
                    "manifestKey",
                    "failedManifestPrefix",
                    "failedManifestKey",
                ],
                "manifests lie in processing_folder; failed files in archive/error",
            ),
            (
                &["accessKey", "accessKeyForS3", "secretKey", "secretKeyForS3"],
                "the access key is not carried over: COPY reads with a role",
            ),
            (
                &["symmetricKey", "masterSymmetricKey"],
                "the symmetric key is not carried over: put it into Secrets Manager, and name the secret in encryption_secret",
            ),
            (
                &["clusterPort", "clusterUseSSL", "useSSL"],
                "clusterPort, clusterUseSSL, useSSL: the Data API needs none of them, and is always encrypted",
            ),
            (
                &["currentBatch", "lastBatchRotation", "status"],
                "currentBatch: files that wait in an open batch there are not known here; flush it there, or find them with: longshore \
                 backfill --rule ID --prefix s3://BUCKET/PREFIX --since TIME --why TEXT",
            ),
        ];
        for (names, remark) in left_out {
            if self.fields.has(names) || self.cluster.has(names) {
                self.imported.remark(remark);
            }
        }
        if self.cluster.has(&["credstashUserKey", "credstashPassKey"])
            || self.fields.has(&["credstashUserKey", "credstashPassKey"])
        {
            self.imported
                .remark("credstash is not read: put the login into a secret and name it in secret_arn");
        }
    }
}

/// An expression for all that the filter finds something in.
fn expression(filter: &str) -> String {
    let (filter, end) = match filter.strip_suffix('$') {
        Some(filter) if !filter.ends_with('\\') => (filter, ""),
        _ => (filter, ".*"),
    };
    let filter = filter.trim_start_matches('^');
    let begin = if filter.starts_with(".*") { "" } else { ".*" };
    format!("{begin}(?:{filter}){end}")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const FILE: &str = r#"{
  "region": "eu-west-1",
  "s3Prefix": "lambda-redshift-loader-test/input/yyyy=*/dd=*",
  "filenameFilter": ".*\\.csv",
  "clusterEndpoint": "db1.abc123.eu-west-1.redshift.amazonaws.com",
  "clusterPort": "5439",
  "clusterUseSSL": "Y",
  "clusterDB": "master",
  "table": "sales.orders",
  "columnList": "id, name",
  "truncateTable": "Y",
  "userName": "loader",
  "userPwd": "open sesame",
  "df": "CSV",
  "csvDelimiter": "|",
  "ignoreCsvHeader": "Y",
  "manifestBucket": "my-bucket",
  "manifestPrefix": "lambda/redshift",
  "failedManifestPrefix": "lambda/redshift/failed",
  "accessKey": "AKIAOPEN",
  "secretKey": "open sesame",
  "successTopic": "arn:aws:sns:eu-west-1:123456789012:loaded",
  "failureTopic": "",
  "batchSize": "10",
  "batchTimeoutSecs": "120",
  "copyOptions": "TRUNCATECOLUMNS GZIP",
  "symmetricKey": ""
}"#;

    #[test]
    fn a_configuration_file_becomes_a_rule_a_feed_and_a_target() {
        let yaml = import(FILE, Numbers::SAMPLE).unwrap().yaml("config.json");
        assert!(!yaml.contains("sesame") && !yaml.contains("AKIA"), "{yaml}");
        assert_snapshot!(yaml, @r##"
    # From config.json. Review it, then: longshore rule apply FILE --why TEXT
    # - have s3://lambda-redshift-loader-test/input/yyyy=*/dd=* announced, and name it in LONGSHORE_WATCHED_PREFIXES
    # - the password is not carried over: database_user logs in with temporary credentials; or put the login into a secret and name it in secret_arn
    # - iam_role: COPY reads with the warehouse's default role; name another where it needs one
    # - load_id_column, file_name_column: its tables have no such columns; name them where yours do
    # - archive_flag: its files stay where they landed, as they did; leave it out to have them moved to the archive
    # - manifests lie in processing_folder; failed files in archive/error
    # - the access key is not carried over: COPY reads with a role
    # - clusterPort, clusterUseSSL, useSSL: the Data API needs none of them, and is always encrypted
    interfaces:
      - ext_interface_cid: 701
        interface_name: sales.orders
    targets:
      - ext_target_sid: 1
        target_name: db1/master
        cluster_identifier: db1
        database_name: master
        database_user: loader
        iam_role: default
        region: eu-west-1
    rules:
      - ext_file_config_sid: 71
        ext_interface_cid: 701
        file_prefix: sales.orders.
        tgt_schema_name: sales
        tgt_table_name: orders
        bucket: lambda-redshift-loader-test
        key_pattern: "input/yyyy=*/dd=*"
        name_filter: "(?:.*\\.csv).*"
        ignore_names: "*"
        file_format: csv
        delimiter: "|"
        header_flag: "Y"
        compression: gzip
        copy_options: TRUNCATECOLUMNS
        file_type: any
        ext_target_sid: 1
        load_mode: truncate
        batch_files: 10
        batch_seconds: 120
        success_topic_arn: "arn:aws:sns:eu-west-1:123456789012:loaded"
        file_name_column: ~
        archive_flag: "N"
        columns:
          - id
          - name
    "##);
    }

    #[test]
    fn an_item_of_dynamodb_says_the_same_as_the_file() {
        let item = r#"{
  "s3Prefix": {"S": "bucket/in"},
  "currentBatch": {"S": "2790a034"},
  "version": {"S": "2.6.6"},
  "dataFormat": {"S": "JSON"},
  "jsonPath": {"S": "bucket/paths.json"},
  "manifestBucket": {"S": "my-bucket"},
  "manifestKey": {"S": "m"},
  "batchSize": {"N": "1"},
  "failureTopicARN": {"S": "arn:aws:sns:eu-west-1:123456789012:failed"},
  "loadClusters": {"L": [{"M": {
    "clusterEndpoint": {"S": "wg.123.eu-west-1.redshift-serverless.amazonaws.com"},
    "clusterPort": {"N": "5439"}, "useSSL": {"BOOL": true},
    "clusterDB": {"S": "dev"}, "connectUser": {"S": "loader"}, "connectPassword": {"S": "AQICAHh"},
    "targetTable": {"S": "orders"}, "truncateTarget": {"BOOL": false}, "presql": {"S": "DELETE FROM orders"}
  }}, {"M": {
    "clusterEndpoint": {"S": "db2.abc.eu-west-1.redshift.amazonaws.com"},
    "clusterDB": {"S": "mart"}, "connectUser": {"S": "other"}, "connectPassword": {"S": "AQICAHh"},
    "targetTable": {"S": "sales.orders"}
  }}, {"M": {
    "clusterEndpoint": {"S": "db2.abc.eu-west-1.redshift.amazonaws.com"},
    "clusterDB": {"S": "mart"}, "connectUser": {"S": "other"}, "targetTable": {"S": "orders"},
    "truncateTarget": {"BOOL": false}, "presql": {"S": "DELETE FROM orders"}
  }}]}
}"#;
        let imported = import(item, Numbers::SAMPLE).unwrap();
        let rule = &imported.rule;
        assert_eq!(rule.get("key_pattern"), Some("in"));
        assert_eq!(rule.get("json_paths"), Some("s3://bucket/paths.json"));
        assert_eq!(rule.get("tgt_schema_name"), Some("public"));
        assert_eq!(rule.get("pre_sql"), Some("DELETE FROM orders"));
        assert_eq!(
            rule.get("failure_topic_arn"),
            Some("arn:aws:sns:eu-west-1:123456789012:failed")
        );
        assert_eq!((rule.get("batch_files"), rule.get("load_mode")), (None, None));
        assert_eq!(imported.target.get("workgroup_name"), Some("wg"));
        assert_eq!(
            rule.get("further_targets"),
            Some("db2/mart=sales.orders, db2/mart 3")
        );
        let further: Vec<_> = imported
            .further
            .iter()
            .map(|row| (row.get("ext_target_sid"), row.get("database_user")))
            .collect();
        assert_eq!(further, [(Some("2"), Some("other")), (Some("3"), Some("other"))]);
        let left_out = "what cluster db2/mart says of truncateTarget, presql is left out";
        assert!(
            imported.remarks.iter().any(|remark| remark.contains(left_out)),
            "{:?}",
            imported.remarks
        );
        assert_eq!(imported.yaml("item").matches("ext_target_sid:").count(), 4);
        assert!(!imported.yaml("item").contains("AQICAHh"));
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let faulty = FILE
            .replace("csvDelimiter", "csvDelimeter")
            .replace("\"10\"", "\"ten\"")
            .replace("sales.orders", "");
        let faults = import(&faulty, Numbers::SAMPLE).unwrap_err();
        let mut said: Vec<_> = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.line, fault.what))
            .collect();
        said.sort();
        assert_eq!(
            said,
            [
                "15: \"csvDelimeter\" is no field of an awslabs configuration; did you mean csvDelimiter?",
                "24: batchSize: \"ten\" is no count",
                "9: table is not set",
            ]
        );
    }

    #[test]
    fn a_filter_may_find_something_anywhere_below_the_folder() {
        assert_eq!(expression(".*\\.csv$"), "(?:.*\\.csv)");
        assert_eq!(expression("orders"), ".*(?:orders).*");
        assert_eq!(expression("^x"), ".*(?:x).*");
    }

    #[test]
    fn a_filter_without_a_folder_is_an_expression_over_the_key() {
        let whole = FILE.replace("lambda-redshift-loader-test/input/yyyy=*/dd=*", "bucket");
        let imported = import(&whole, Numbers::SAMPLE).unwrap();
        let rule = &imported.rule;
        assert_eq!(
            (rule.get("bucket"), rule.get("key_pattern")),
            (Some("bucket"), None)
        );
        assert_eq!(rule.get("key_regex"), Some("(?:.*\\.csv).*"));
        assert_eq!(rule.get("ignore_names"), None);
    }
}
