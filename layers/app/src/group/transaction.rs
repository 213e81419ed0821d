//! The one transaction of a set: its manifests, its statements, and what is put on the ledger for it.

use longshore_copy::{
    CarriedLoad, CopySpec, GroupFault, GroupTransaction, LoadRequest, Manifest, ManifestEntry,
};
use longshore_domain::archive::manifest_key;
use longshore_domain::load::LoadId;
use longshore_domain::object::{ObjectKey, s3_url};
use longshore_domain::rule::{LoadMode, OnBadFile, RuleId};
use longshore_domain::target::TableName;
use longshore_store::{LoadFailure, NewSet, SetMember, Source, WaitingSet, batch_id};
use uuid::Uuid;

use super::{Rules, SetPart, part_of};
use crate::batch::Recipe;
use crate::error::chain;
use crate::follow_up;
use crate::plan::{self, LoadPlan, Section, warehouse_of};
use crate::{App, AppError};

/// Files that go through one COPY.
struct Together<'a> {
    rule: RuleId,
    recipe: Recipe,
    members: Vec<&'a SetMember>,
}

/// The files that are loaded, by rule and by how they are read.
fn sections<'a>(chosen: &[&'a SetMember]) -> Vec<Together<'a>> {
    let mut sections: Vec<Together<'a>> = Vec::new();
    for member in chosen {
        let Some(SetPart::Data { recipe }) = part_of(member) else {
            continue;
        };
        match sections
            .iter_mut()
            .find(|section| section.rule == member.rule && section.recipe == *recipe)
        {
            Some(section) => section.members.push(member),
            None => sections.push(Together {
                rule: member.rule,
                recipe: *recipe,
                members: vec![member],
            }),
        }
    }
    sections.sort_by_key(|section| section.rule);
    sections
}

/// The manifest's id of a section; that of the first is the set's own.
fn section_id(set: LoadId, index: usize) -> LoadId {
    match index {
        0 => set,
        _ => LoadId::from_uuid(Uuid::new_v5(&set.as_uuid(), index.to_string().as_bytes())),
    }
}

/// Writes the manifests and plans the transaction. What cannot be one is a set that fails.
pub(super) async fn plan_set(
    app: &App,
    set: &WaitingSet,
    chosen: &[&SetMember],
    rules: &Rules,
) -> Result<NewSet, AppError> {
    let sections = sections(chosen);
    let mut new = new_set(app, set, chosen, Some(rules))?;
    let mut planned = match plan_sections(app, set, &new, &sections, rules) {
        Ok(planned) => planned,
        Err(problem) => return failed_set(app, set, chosen, Some(rules), "group_invalid", problem),
    };
    if let Some(rule) = rules.rules.iter().find(|rule| rule.follow_up.is_some()) {
        planned.plan.follow_up_steps = match plan::follow_up_steps(app, rule).await? {
            Ok(steps) => follow_up::plan_steps(rule, steps),
            Err(fault) => {
                let problem = format!("rule {}: query: {}", rule.id, chain(&fault));
                return failed_set(app, set, chosen, Some(rules), "group_invalid", problem);
            }
        };
    }
    for (index, (key, manifest)) in planned.manifests.into_iter().enumerate() {
        if index > 0 {
            new.manifests.push(Source {
                key: key.clone(),
                size_bytes: manifest.len() as u64,
            });
        }
        app.objects.put(&set.bucket, &key, manifest.into()).await?;
    }
    new.plan = serde_json::to_value(&planned.plan).map_err(|error| AppError::Engine(error.into()))?;
    new.rows_expected = sections
        .iter()
        .flat_map(|section| &section.members)
        .map(|member| member.rows_expected)
        .sum();
    Ok(new)
}

struct PlannedSet {
    plan: LoadPlan,
    manifests: Vec<(ObjectKey, String)>,
}

fn plan_sections(
    app: &App,
    set: &WaitingSet,
    new: &NewSet,
    sections: &[Together<'_>],
    rules: &Rules,
) -> Result<PlannedSet, String> {
    let mut prepared = Vec::new();
    let mut manifests = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let rule = section.recipe.rule()?;
        let spec =
            CopySpec::from_rule(&rule, &section.recipe.columns).map_err(|faults| faults.to_string())?;
        let key = manifest_key(&app.config.processing_folder, section_id(new.id, index));
        let sources = section.members.iter().flat_map(|member| &member.sources);
        let entries = sources.map(|source| ManifestEntry {
            url: s3_url(&set.bucket, &source.key),
            content_length: source.size_bytes,
        });
        let manifest = Manifest::new(entries.collect()).map_err(|error| chain(&error))?;
        let urls: Vec<_> = section
            .members
            .iter()
            .map(|member| s3_url(&member.bucket, &member.key))
            .collect();
        prepared.push((rule, spec, s3_url(&set.bucket, &key), urls));
        manifests.push((key, manifest.to_json()));
    }
    let carried: Vec<Vec<CarriedLoad<'_>>> = sections
        .iter()
        .zip(&prepared)
        .map(|(section, (.., urls))| {
            let of = section.members.iter().zip(urls).map(|(member, url)| CarriedLoad {
                load: member.load,
                object_url: url,
                rows: member.rows_expected,
            });
            of.collect()
        })
        .collect();
    let requests: Vec<LoadRequest<'_>> = sections
        .iter()
        .zip(&prepared)
        .zip(&carried)
        .map(
            |((section, (rule, spec, manifest_url, _)), carried)| LoadRequest {
                load: new.id,
                table: &section.recipe.table,
                columns: &section.recipe.columns,
                spec,
                manifest_url,
                warehouse: &section.recipe.warehouse,
                rows_expected: section.members.iter().map(|member| member.rows_expected).sum(),
                file_name: section.members.first().map_or("", |member| &member.file_name),
                file_name_column: rule.file_name_column.as_deref(),
                load_id_column: rule.load_id_column.as_deref(),
                object_url: manifest_url,
                carried,
                replaces: &[],
                mode: &rule.mode,
                pre_sql: rule.pre_sql.as_deref(),
                post_sql: rule.post_sql.as_deref(),
                captures: &section.recipe.captures,
            },
        )
        .collect();
    let one_warehouse = sections
        .windows(2)
        .all(|pair| pair[0].recipe.warehouse == pair[1].recipe.warehouse);
    if !one_warehouse {
        return Err("its files go to different warehouses, and one transaction runs in one".to_owned());
    }
    let GroupTransaction {
        statements,
        steps,
        sections: section_of,
    } = GroupTransaction::render(&requests).map_err(|GroupFault { section, error }| {
        match section.and_then(|index| sections.get(index)) {
            Some(section) => format!("rule {}: {}", section.rule, chain(&error)),
            None => chain(&error),
        }
    })?;
    let follows = rules.rules.iter().find(|rule| rule.follow_up.is_some());
    let all_counted = prepared.iter().all(|(_, spec, ..)| spec.max_errors() == Some(0));
    let merging = prepared
        .iter()
        .find(|(rule, ..)| matches!(rule.mode, LoadMode::Merge(_)));
    Ok(PlannedSet {
        plan: LoadPlan {
            warehouse: sections[0].recipe.warehouse.clone(),
            table: sections[0].recipe.table.clone(),
            follow_up: follows.and_then(|rule| rule.follow_up.clone()),
            // Found in the control database, when the rest is sound.
            follow_up_steps: vec![],
            follow_up_repeats: follows
                .is_some_and(|rule| follow_up::repeats(rule, rule.follow_up.as_deref().unwrap_or_default())),
            retry: prepared[0].0.retry,
            on_bad_file: OnBadFile::FailAll,
            max_errors: all_counted.then_some(0),
            load_id_column: None,
            encryption_secret: None,
            vacuum_rows: None,
            mode: merging.map_or(LoadMode::Append, |(rule, ..)| rule.mode.clone()),
            sections: sections
                .iter()
                .map(|section| Section {
                    rule: section.rule,
                    table: section.recipe.table.clone(),
                    loads: section.members.iter().map(|member| member.load).collect(),
                })
                .collect(),
            section_of,
            steps,
            statements,
        },
        manifests,
    })
}

/// A set that is put on the ledger only to fail.
pub(super) fn failed_set(
    app: &App,
    set: &WaitingSet,
    members: &[&SetMember],
    rules: Option<&Rules>,
    code: &str,
    problem: String,
) -> Result<NewSet, AppError> {
    let mut new = new_set(app, set, members, rules)?;
    new.failure = Some(LoadFailure {
        code: code.to_owned(),
        error: format!("{}: {problem}", new.name),
        rows_rejected: None,
    });
    Ok(new)
}

fn new_set(
    app: &App,
    set: &WaitingSet,
    members: &[&SetMember],
    rules: Option<&Rules>,
) -> Result<NewSet, AppError> {
    let loads: Vec<_> = members.iter().map(|member| member.load).collect();
    let id = batch_id(&loads);
    // The rule of the sentinel or of the control file leads, else the first.
    let is_leader = |member: &&&SetMember| !matches!(part_of(member), Some(SetPart::Data { .. }) | None);
    let first = members.iter().min_by_key(|member| member.rule);
    let Some(leader) = members.iter().find(is_leader).or(first) else {
        return Err(AppError::Inconsistent {
            load: id,
            what: "a set of no files was to be made".to_owned(),
        });
    };
    let mut recipes = members.iter().filter_map(|member| match part_of(member)? {
        SetPart::Data { recipe } => Some((member.rule, recipe)),
        SetPart::Sentinel | SetPart::Control { .. } => None,
    });
    let known = recipes.next().map(|(_, recipe)| (recipe.warehouse, recipe.table));
    let of_rules = || {
        let rule = rules?.rules.iter().find(|rule| rule.table.is_some())?;
        Some((warehouse_of(app, rule), rule.table.clone()?))
    };
    let (warehouse, table) = known.or_else(of_rules).unwrap_or_else(|| {
        let nowhere = TableName::new("", "");
        (app.config.warehouse.clone(), nowhere)
    });
    let plan = LoadPlan::of_nothing(warehouse, table.clone());
    let noun = if loads.len() == 1 { "file" } else { "files" };
    Ok(NewSet {
        id,
        buffer: set.id,
        rule: leader.rule,
        interface: leader.interface.clone(),
        table,
        name: format!("set {} of group {} ({} {noun})", set.set, set.group, loads.len()),
        size_bytes: members.iter().map(|member| member.size_bytes).sum(),
        rows_expected: None,
        manifest_key: manifest_key(&app.config.processing_folder, id),
        manifests: vec![],
        plan: serde_json::to_value(&plan).map_err(|error| AppError::Engine(error.into()))?,
        failure: None,
        loads,
    })
}
