//! The one transaction of a set: its manifests, its statements, and what is put on the ledger for it.

use longshore_copy::{
    CarriedLoad, CopySpec, GroupFault, GroupTransaction, LoadRequest, Manifest, ManifestEntry,
};
use longshore_domain::archive::manifest_key;
use longshore_domain::load::LoadId;
use longshore_domain::object::{ObjectKey, s3_url};
use longshore_domain::rule::{FileRule, LoadMode, RuleId};
use longshore_domain::target::TableName;
use longshore_store::{LoadFailure, NewSet, SetMember, Source, WaitingSet, batch_id};
use uuid::Uuid;

use super::{Rules, SetPart, part_of};
use crate::batch::Recipe;
use crate::error::with_causes;
use crate::follow_up;
use crate::plan::{self, LoadPlan, Section, warehouse_of};
use crate::{App, AppError};

/// Files that go through one COPY.
struct Together<'a> {
    rule: RuleId,
    recipe: Recipe,
    members: Vec<&'a SetMember>,
}

impl Together<'_> {
    fn planned(&self) -> Section {
        Section {
            rule: self.rule,
            table: self.recipe.table.clone(),
            loads: self.members.iter().map(|member| member.load).collect(),
        }
    }
}

/// The files that are loaded, by rule and by how they are read.
///
/// # Errors
/// The file of which what was kept does not read, as after a change of the program.
fn sections<'a>(chosen: &[&'a SetMember]) -> Result<Vec<Together<'a>>, String> {
    let mut sections: Vec<Together<'a>> = Vec::new();
    for member in chosen {
        let recipe = match part_of(member) {
            Some(SetPart::Data { recipe }) => recipe,
            Some(SetPart::Sentinel | SetPart::Control { .. }) => continue,
            None => {
                return Err(format!(
                    "what was kept of {} does not read; load it again with: longshore load replay {} --why TEXT",
                    member.key, member.load
                ));
            }
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
    Ok(sections)
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
    let mut new = new_set(app, set, chosen, Some(rules))?;
    let sections = sections(chosen);
    let planned = sections.and_then(|sections| plan_sections(app, set, new.id, &sections, rules));
    let mut planned = match planned {
        Ok(planned) => planned,
        Err(problem) => return failed_set(app, set, chosen, Some(rules), "group_invalid", problem),
    };
    if let Some(rule) = rules.rules.iter().find(|rule| rule.follow_up.is_some()) {
        planned.plan.follow_up_steps = match plan::follow_up_steps(app, rule).await? {
            Ok(steps) => follow_up::plan_steps(rule, steps),
            Err(fault) => {
                let problem = format!("rule {}: query: {}", rule.id, with_causes(&fault));
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
    new.rows_expected = planned.rows_expected;
    Ok(new)
}

struct PlannedSet {
    plan: LoadPlan,
    manifests: Vec<(ObjectKey, String)>,
    rows_expected: Option<u64>,
}

/// A section with what its COPY is made of.
struct Prepared<'a> {
    together: &'a Together<'a>,
    rule: FileRule,
    spec: CopySpec,
    manifest_key: ObjectKey,
    manifest: Manifest,
    manifest_url: String,
    object_urls: Vec<String>,
}

impl<'a> Prepared<'a> {
    fn of(app: &App, set: &WaitingSet, id: LoadId, together: &'a Together<'a>) -> Result<Self, String> {
        let rule = together.recipe.rule()?;
        let spec =
            CopySpec::from_rule(&rule, &together.recipe.columns).map_err(|faults| faults.to_string())?;
        let manifest_key = manifest_key(&app.config.processing_folder, id);
        let sources = together.members.iter().flat_map(|member| &member.sources);
        let entries = sources.map(|source| ManifestEntry {
            url: s3_url(&set.bucket, &source.key),
            content_length: source.size_bytes,
        });
        let urls = together.members.iter();
        Ok(Self {
            manifest: Manifest::new(entries.collect()).map_err(|error| with_causes(&error))?,
            manifest_url: s3_url(&set.bucket, &manifest_key),
            object_urls: urls.map(|member| s3_url(&member.bucket, &member.key)).collect(),
            together,
            rule,
            spec,
            manifest_key,
        })
    }

    fn carried(&self) -> Vec<CarriedLoad<'_>> {
        let members = self.together.members.iter().zip(&self.object_urls);
        let carried = members.map(|(member, object_url)| CarriedLoad {
            load: member.load,
            object_url,
            rows: member.rows_expected,
        });
        carried.collect()
    }

    fn rows_expected(&self) -> Option<u64> {
        self.together
            .members
            .iter()
            .map(|member| member.rows_expected)
            .sum()
    }

    fn request<'r>(&'r self, set: LoadId, carried: &'r [CarriedLoad<'r>]) -> LoadRequest<'r> {
        let Together { recipe, members, .. } = self.together;
        LoadRequest {
            load: set,
            table: &recipe.table,
            columns: &recipe.columns,
            spec: &self.spec,
            manifest_url: &self.manifest_url,
            warehouse: &recipe.warehouse,
            rows_expected: self.rows_expected(),
            file_name: members.first().map_or("", |member| &member.file_name),
            file_name_column: self.rule.file_name_column.as_deref(),
            load_id_column: self.rule.load_id_column.as_deref(),
            object_url: &self.manifest_url,
            carried,
            replaces: &[],
            mode: &self.rule.mode,
            pre_sql: self.rule.pre_sql.as_deref(),
            post_sql: self.rule.post_sql.as_deref(),
            captures: &recipe.captures,
        }
    }
}

fn plan_sections(
    app: &App,
    set: &WaitingSet,
    id: LoadId,
    sections: &[Together<'_>],
    rules: &Rules,
) -> Result<PlannedSet, String> {
    let prepared = sections
        .iter()
        .enumerate()
        .map(|(index, together)| Prepared::of(app, set, section_id(id, index), together))
        .collect::<Result<Vec<_>, String>>()?;
    let Some(first) = prepared.first() else {
        return Err("it has no file that is loaded".to_owned());
    };
    let Recipe { warehouse, table, .. } = &first.together.recipe;
    if sections
        .iter()
        .any(|section| section.recipe.warehouse != *warehouse)
    {
        return Err("its files go to different warehouses, and one transaction runs in one".to_owned());
    }
    let carried: Vec<_> = prepared.iter().map(Prepared::carried).collect();
    let requests: Vec<_> = prepared
        .iter()
        .zip(&carried)
        .map(|(prepared, carried)| prepared.request(id, carried))
        .collect();
    let GroupTransaction {
        statements,
        steps,
        sections: section_of,
    } = GroupTransaction::render(&requests).map_err(|GroupFault { section, error }| {
        match section.and_then(|index| sections.get(index)) {
            Some(section) => format!("rule {}: {}", section.rule, with_causes(&error)),
            None => with_causes(&error),
        }
    })?;
    let follows = rules.rules.iter().find(|rule| rule.follow_up.is_some());
    let follow_up = follows.and_then(|rule| rule.follow_up.clone());
    let repeats = |rule| follow_up::repeats(rule, follow_up.as_deref().unwrap_or_default());
    let all_counted = prepared
        .iter()
        .all(|prepared| prepared.spec.max_errors() == Some(0));
    let merging = prepared
        .iter()
        .find(|prepared| matches!(prepared.rule.mode, LoadMode::Merge(_)));
    let plan = LoadPlan {
        // The steps of the follow-up are found in the control database, when the rest is sound.
        follow_up_repeats: follows.is_some_and(repeats),
        follow_up,
        retry: first.rule.retry,
        max_errors: all_counted.then_some(0),
        mode: merging.map_or(LoadMode::Append, |prepared| prepared.rule.mode.clone()),
        sections: sections.iter().map(Together::planned).collect(),
        section_of,
        steps,
        statements,
        ..LoadPlan::of_nothing(warehouse.clone(), table.clone())
    };
    Ok(PlannedSet {
        plan,
        rows_expected: prepared.iter().map(Prepared::rows_expected).sum(),
        manifests: prepared
            .into_iter()
            .map(|prepared| (prepared.manifest_key, prepared.manifest.to_json()))
            .collect(),
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
    let recipes = members.iter().filter_map(|member| match part_of(member)? {
        SetPart::Data { recipe } => Some((member.rule, recipe)),
        SetPart::Sentinel | SetPart::Control { .. } => None,
    });
    // Where the plan has the set's marker, whichever file came first.
    let known = recipes
        .min_by_key(|(rule, _)| *rule)
        .map(|(_, recipe)| (recipe.warehouse, recipe.table));
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
