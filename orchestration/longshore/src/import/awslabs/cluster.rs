//! The clusters of a configuration: how each is reached, and what a rule has of them.

use longshore_app::rules::Fault;
use longshore_app::rules::tree::{Content, Node};

use super::super::fields::Fields;
use super::super::{Imported, Numbers, Row};

/// Of a cluster: in the file beside the others, in the item within `loadClusters`.
pub(super) const OF_CLUSTER: [&str; 16] = [
    "clusterEndpoint",
    "clusterPort",
    "clusterUseSSL",
    "useSSL",
    "clusterDB",
    "userName",
    "connectUser",
    "userPwd",
    "connectPassword",
    "credstashUserKey",
    "credstashPassKey",
    "targetTable",
    "columnList",
    "truncateTarget",
    "presql",
    "postsql",
];

/// What a cluster says and a rule says once for all of its targets.
const OF_RULE: [&str; 4] = ["columnList", "truncateTarget", "presql", "postsql"];

/// Those of an item; none of a file, which has one beside its other fields.
pub(super) fn clusters<'node>(fields: &Fields<'node>) -> &'node [Node] {
    match fields.node(&["loadClusters"]).map(|node| &node.content) {
        Some(Content::List(clusters)) => clusters,
        _ => &[],
    }
}

/// The clusters beside the first one become further targets of its rule.
pub(super) fn further_clusters(
    fields: &Fields<'_>,
    first: &Fields<'_>,
    clusters: &[Node],
    numbers: Numbers,
    faults: &mut Vec<Fault>,
    imported: &mut Imported,
) {
    let mut named = Vec::new();
    for (number, cluster) in (numbers.target..).zip(clusters).skip(1) {
        let what = "field of a cluster of an awslabs configuration";
        let cluster = Fields::of(cluster, what, &OF_CLUSTER, faults);
        let mut row = Row::default();
        row.set("ext_target_sid", number);
        row.set_all(target(fields, &cluster, faults));
        if let Some(region) = imported.target.get("region") {
            row.set("region", region);
        }
        let mut name = row.get("target_name").unwrap_or_default().to_owned();
        let targets = || [&imported.target].into_iter().chain(&imported.further);
        if targets().any(|other| other.get("target_name") == Some(&name)) {
            name = format!("{name} {number}");
            row.set("target_name", &name);
        }
        let table = cluster.text(&["targetTable"]);
        named.push(
            match table.filter(|table| Some(table) != first.text(&["targetTable"]).as_ref()) {
                Some(table) if table.contains('.') => format!("{name}={table}"),
                Some(table) => format!("{name}=public.{table}"),
                None => name.clone(),
            },
        );
        let differs = |names: &[&str]| cluster.text(names) != first.text(names);
        let own: Vec<_> = OF_RULE.into_iter().filter(|field| differs(&[*field])).collect();
        imported.further.push(row);
        if !own.is_empty() {
            imported.remark(format!(
                "further_targets: what cluster {name} says of {} is left out, because a rule says it once for all of its targets; \
                 where it is to differ, make a rule of its own for that cluster",
                own.join(", ")
            ));
        }
    }
    if !named.is_empty() {
        imported.rule.set("further_targets", named.join(", "));
    }
}

/// How a warehouse is reached, as a row of `ext_target` without its number and region.
pub(super) fn target(fields: &Fields<'_>, cluster: &Fields<'_>, faults: &mut Vec<Fault>) -> Row {
    let of_cluster = |names: &[&str]| cluster.text(names).or_else(|| fields.text(names));
    let endpoint = of_cluster(&["clusterEndpoint"]).unwrap_or_default();
    let user = of_cluster(&["userName", "connectUser"]);
    let database = of_cluster(&["clusterDB"]);
    let host = endpoint.split(':').next().unwrap_or_default();
    let name = host.split('.').next().unwrap_or_default();
    if name.is_empty() {
        let holder = match clusters(fields) {
            [] => fields,
            _ => cluster,
        };
        holder.required(&["clusterEndpoint"], faults);
    }
    let is_serverless = host.contains(".redshift-serverless.");
    let (compute, login) = match is_serverless {
        true => ("workgroup_name", None),
        false => ("cluster_identifier", user),
    };
    let mut row = Row::default();
    row.set(
        "target_name",
        format!("{name}/{}", database.clone().unwrap_or_default()),
    );
    row.set(compute, name);
    row.set_if("database_name", database);
    row.set_if("database_user", login);
    row.set("iam_role", "default");
    row
}
