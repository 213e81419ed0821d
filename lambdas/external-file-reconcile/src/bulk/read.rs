//! From the event to what it asks for.

use longshore_app::{BulkLoad, BulkTarget};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::target::{Compute, Login, TableName, Warehouse};
use serde_json::Value;

use super::fields::Fields;

const SECTIONS: [&str; 3] = ["paths", "copy", "cluster"];
const PATH: [&str; 7] = [
    "s3_path",
    "table",
    "options",
    "format",
    "extension",
    "columns",
    "fields",
];
const OPTIONS: [&str; 3] = ["merge_duplicate_pks", "merge_pk", "merge_timestamp"];
const COPY: [&str; 2] = ["role_arn", "options"];
const CLUSTER: [&str; 5] = ["identifier", "db_name", "secret_arn", "db_user", "region"];
/// More paths than this are no event of anybody's.
const MOST_PATHS: usize = 1_000;

/// Whether an event asks for bulk loads and not for a slice of reconciling.
pub(crate) fn asks_for_it(event: &Value) -> bool {
    SECTIONS.iter().any(|section| event.get(section).is_some())
}

/// What an event asks for, or everything that is wrong with it.
pub(crate) fn read(event: &Value, own: &Warehouse) -> Result<Vec<BulkLoad>, Vec<String>> {
    let mut faults = Vec::new();
    let root = Fields::of(Some(event), "", &SECTIONS, &mut faults);
    let (paths, copy, cluster) = (root.value("paths"), root.value("copy"), root.value("cluster"));
    let mut copy = Fields::of(copy, "copy", &COPY, &mut faults);
    let (role, options) = (copy.text("role_arn"), copy.text("options"));
    let target = target(Fields::of(cluster, "cluster", &CLUSTER, &mut faults), role, own);
    let mut loads: Vec<BulkLoad> = Vec::new();
    match paths.and_then(Value::as_array).map(Vec::as_slice) {
        None | Some([]) => {
            faults.push("paths: a list of paths is expected here, each with s3_path and table".to_owned())
        }
        Some(paths) if paths.len() > MOST_PATHS => {
            faults.push(format!(
                "paths: there are {}; write at most {MOST_PATHS}",
                paths.len()
            ));
        }
        Some(paths) => {
            for (place, path) in paths.iter().enumerate() {
                let mut fields = Fields::of(Some(path), format!("paths[{place}]"), &PATH, &mut faults);
                if !fields.is_there() {
                    continue;
                }
                let Some(load) = load(&mut fields, &options, &target) else {
                    continue;
                };
                if let Some(other) = loads.iter().position(|other| *other == load) {
                    fields.fault("", &format!("says the same as paths[{other}]"));
                }
                loads.push(load);
            }
        }
    }
    match faults.is_empty() {
        true => Ok(loads),
        false => Err(faults),
    }
}

/// `None` where the essentials are missing, which is told then.
fn load(fields: &mut Fields<'_, '_>, options: &Option<String>, target: &BulkTarget) -> Option<BulkLoad> {
    let path = fields.required("s3_path");
    let table = fields.required("table");
    let format = fields.text("format");
    let extension = fields.text("extension");
    let columns = fields.texts("columns");
    let mut further = further(fields);
    let (merge_key, merge_order) = merge(fields);
    if let Some(options) = options
        && !further.iter().any(|field| field.starts_with("copy_options="))
    {
        further.push(format!("copy_options={options}"));
    }
    let path = path.map(|text| WatchedPrefix::parse(&text).ok_or(text));
    let table = table.map(|text| table_name(&text).ok_or(text));
    if let Some(Err(text)) = &path {
        fields.fault(
            "s3_path",
            &format!("{text:?} is no place; write s3://bucket/prefix"),
        );
    }
    if let Some(Err(text)) = &table {
        fields.fault("table", &format!("{text:?} is no table; write schema.table"));
    }
    Some(BulkLoad {
        path: path?.ok()?,
        table: table?.ok()?,
        format,
        extension,
        columns,
        merge_key,
        merge_order,
        target: target.clone(),
        fields: further,
    })
}

/// Other fields of the rule, as they stand in `ext_file_config`; which there are, the tables know.
fn further(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let Some(value) = fields.value("fields") else {
        return Vec::new();
    };
    let Some(object) = value.as_object() else {
        fields.fault("fields", "an object is expected here, with fields of a rule");
        return Vec::new();
    };
    let mut further = Vec::new();
    for (name, value) in object {
        match value {
            Value::String(text) => further.push(format!("{name}={text}")),
            Value::Number(number) => further.push(format!("{name}={number}")),
            Value::Bool(flag) => further.push(format!("{name}={flag}")),
            Value::Null => further.push(format!("{name}=")),
            Value::Array(_) | Value::Object(_) => {
                fields.fault(
                    &format!("fields.{name}"),
                    "a text, a number or a flag is expected here",
                );
            }
        }
    }
    further
}

/// The columns to merge by, and those by which the newest row is known.
fn merge(fields: &mut Fields<'_, '_>) -> (Option<String>, Option<String>) {
    let mut options = fields.within("options", &OPTIONS);
    let flag = options.flag("merge_duplicate_pks");
    let (keys, order) = (options.texts("merge_pk"), options.texts("merge_timestamp"));
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(","));
    let (keys, order) = (list(&keys), list(&order));
    match (flag, &keys, &order) {
        (Some(true), None, _) => options.fault(
            "merge_pk",
            "is not set: a merge needs the columns that tell a row from any other",
        ),
        (None, Some(_), _) | (None, _, Some(_)) => options.fault(
            "merge_duplicate_pks",
            "is not set: say true to merge by merge_pk, or false to add rows",
        ),
        _ => {}
    }
    match flag {
        Some(true) => (keys, order),
        _ => (None, None),
    }
}

/// The deployment's own warehouse, but for what the event says of it; or another one, where the caller's identity logs in
/// unless the event says as whom.
fn target(mut cluster: Fields<'_, '_>, role: Option<String>, own: &Warehouse) -> BulkTarget {
    if !cluster.is_there() && role.is_none() {
        return BulkTarget::Own;
    }
    let login = match (cluster.text("secret_arn"), cluster.text("db_user")) {
        (Some(_), Some(_)) => {
            cluster.fault("", "names secret_arn and db_user; write one of them");
            None
        }
        (Some(secret), None) => Some(Login::Secret(secret)),
        (None, Some(user)) => Some(Login::DatabaseUser(user)),
        (None, None) => None,
    };
    let region = cluster.text("region").unwrap_or_else(|| own.region.clone());
    let named = cluster
        .is_there()
        .then(|| (cluster.required("identifier"), cluster.required("db_name")));
    let (Compute::Cluster(own_name) | Compute::Workgroup(own_name)) = &own.compute;
    let (identifier, database) = match named {
        Some((identifier, database)) => (identifier.unwrap_or_default(), database.unwrap_or_default()),
        None => (own_name.clone(), own.database.clone()),
    };
    let is_own = identifier == *own_name && database == own.database;
    let warehouse = match is_own {
        true => Warehouse {
            login: login.unwrap_or_else(|| own.login.clone()),
            iam_role: role.unwrap_or_else(|| own.iam_role.clone()),
            region,
            ..own.clone()
        },
        false => Warehouse {
            compute: Compute::Cluster(identifier),
            database,
            login: login.unwrap_or(Login::CallerIdentity),
            iam_role: role.unwrap_or_else(|| "default".to_owned()),
            region,
        },
    };
    BulkTarget::At(Box::new(warehouse))
}

fn table_name(text: &str) -> Option<TableName> {
    let (schema, table) = text.split_once('.')?;
    (!schema.is_empty() && !table.is_empty()).then(|| TableName::new(schema, table))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own() -> Warehouse {
        Warehouse {
            compute: Compute::Cluster("house".to_owned()),
            database: "dev".to_owned(),
            login: Login::Secret("arn:secret".to_owned()),
            iam_role: "arn:role".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn event() -> Value {
        json!({
            "paths": [{
                "s3_path": "s3://lake/orders/day=1/",
                "table": "sales.orders",
                "options": { "merge_duplicate_pks": true, "merge_pk": "id", "merge_timestamp": "changed_at" }
            }],
            "copy": { "role_arn": "arn:copy" },
            "cluster": { "identifier": "other", "db_name": "prod" }
        })
    }

    fn faults(event: &Value) -> Vec<String> {
        read(event, &own()).unwrap_err()
    }

    #[test]
    fn the_older_shape_is_read_as_it_is() {
        let loads = read(&event(), &own()).unwrap();
        assert_eq!(
            loads,
            [BulkLoad {
                path: WatchedPrefix::parse("s3://lake/orders/day=1/").unwrap(),
                table: TableName::new("sales", "orders"),
                format: None,
                extension: None,
                columns: vec![],
                merge_key: Some("id".to_owned()),
                merge_order: Some("changed_at".to_owned()),
                target: BulkTarget::At(Box::new(Warehouse {
                    compute: Compute::Cluster("other".to_owned()),
                    database: "prod".to_owned(),
                    login: Login::CallerIdentity,
                    iam_role: "arn:copy".to_owned(),
                    region: "eu-west-1".to_owned(),
                })),
                fields: vec![],
            }]
        );
    }

    #[test]
    fn the_deployments_own_warehouse_keeps_what_the_event_does_not_say() {
        let mut event = event();
        event["cluster"] = json!({ "identifier": "house", "db_name": "dev" });
        let own = own();
        let at = |iam_role: &str| {
            BulkTarget::At(Box::new(Warehouse {
                iam_role: iam_role.to_owned(),
                ..own.clone()
            }))
        };
        assert_eq!(read(&event, &own).unwrap()[0].target, at("arn:copy"));
        event["copy"] = Value::Null;
        assert_eq!(read(&event, &own).unwrap()[0].target, at("arn:role"));
        event["cluster"] = Value::Null;
        assert_eq!(read(&event, &own).unwrap()[0].target, BulkTarget::Own);
    }

    #[test]
    fn rows_are_added_unless_a_merge_is_asked_for() {
        let mut event = event();
        event["paths"][0]["options"]["merge_duplicate_pks"] = json!(false);
        assert_eq!(read(&event, &own()).unwrap()[0].merge_key, None);
        event["paths"][0]["options"] = Value::Null;
        assert_eq!(read(&event, &own()).unwrap()[0].merge_key, None);
    }

    #[test]
    fn what_the_older_shape_has_no_field_for_stands_beside_it() {
        let mut event = event();
        event["copy"]["options"] = json!("TRUNCATECOLUMNS");
        event["paths"][0]["format"] = json!("csv");
        event["paths"][0]["columns"] = json!("id, name");
        event["paths"][0]["fields"] = json!({ "delimiter": "|", "max_attempts": 3 });
        let load = read(&event, &own()).unwrap().remove(0);
        assert_eq!(load.columns, ["id", "name"]);
        assert_eq!(
            load.fields,
            ["delimiter=|", "max_attempts=3", "copy_options=TRUNCATECOLUMNS"]
        );
    }

    #[test]
    fn every_fault_is_named_with_its_place_and_a_slip_with_what_was_meant() {
        let event = json!({
            "path": [],
            "paths": [
                { "s3_paht": "s3://lake/a/", "table": "orders", "options": { "merge_key": "id" } },
                { "s3_path": "lake/a", "table": "s.t", "columns": 3, "options": { "merge_pk": "id" } },
                { "s3_path": "s3://lake/a/", "table": "s.t", "options": { "merge_duplicate_pks": true } },
                "s3://lake/b/"
            ],
            "copy": { "role": "arn:copy" },
            "cluster": { "identifier": "c", "secret_arn": "a", "db_user": "b" }
        });
        insta::assert_snapshot!(faults(&event).join("\n"), @r#"
        path: "path" is no field here; did you mean paths?
        copy.role: "role" is no field here; there are role_arn, options
        cluster: names secret_arn and db_user; write one of them
        cluster.db_name: is not set
        paths[0].s3_paht: "s3_paht" is no field here; did you mean s3_path?
        paths[0].s3_path: is not set
        paths[0].options.merge_key: "merge_key" is no field here; there are merge_duplicate_pks, merge_pk, merge_timestamp
        paths[0].table: "orders" is no table; write schema.table
        paths[1].columns: a list of texts is expected here
        paths[1].options.merge_duplicate_pks: is not set: say true to merge by merge_pk, or false to add rows
        paths[1].s3_path: "lake/a" is no place; write s3://bucket/prefix
        paths[2].options.merge_pk: is not set: a merge needs the columns that tell a row from any other
        paths[3]: an object is expected here
        "#);
    }

    #[test]
    fn an_event_without_paths_and_one_that_repeats_itself_are_refused() {
        assert!(asks_for_it(&json!({ "copy": {} })) && !asks_for_it(&json!({ "loads": 1 })));
        assert_eq!(
            faults(&json!({ "copy": {} })),
            ["paths: a list of paths is expected here, each with s3_path and table"]
        );
        let mut event = event();
        let path = event["paths"][0].clone();
        event["paths"] = json!([path, path]);
        assert_eq!(faults(&event), ["paths[1]: says the same as paths[0]"]);
    }
}
