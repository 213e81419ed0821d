//! Groups: the files of several rules that form a set go through one transaction, or none of them does.
//!
//! A file joins its set once it is prepared and its rule found to make a transaction, as it would join a batch. When the set is
//! whole, a load is made that carries all of them. One that is not whole in time is made too, and fails: so each of its files is
//! put away, audited and may be replayed, and people are told once what was missing.

use std::time::Duration;

use longshore_copy::{
    CarriedLoad, CopySpec, GroupFault, GroupTransaction, LoadRequest, Manifest, ManifestEntry,
};
use longshore_domain::archive::manifest_key;
use longshore_domain::group::{Arrived, LoadGroup, SetStanding, set_of};
use longshore_domain::load::LoadId;
use longshore_domain::object::{ObjectKey, s3_url};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{
    FileRule, LoadMode, OnBadFile, ResendPolicy, RuleFault, RuleFaults, RuleId, RuleRow,
};
use longshore_domain::target::TableName;
use longshore_store::{
    BufferId, LoadFailure, MadeBatch, NewSet, RejectedMember, SetMember, Source, WaitingSet, batch_id,
};
use serde::{Deserialize, Serialize};
use tracing::info;
use uuid::Uuid;

use crate::batch::{Making, Recipe};
use crate::error::chain;
use crate::follow_up;
use crate::group_size::fault_of_size;
use crate::plan::{self, LoadPlan, Section, warehouse_of};
use crate::{App, AppError, trace};

/// As many files as one transaction may carry, and one more to see that there are more.
const MOST_FILES: u32 = 1_001;
/// So many refused files of a set are named.
const MOST_REJECTED: usize = 10;

/// What a file is to its set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum SetPart {
    /// It is loaded.
    Data {
        /// How.
        recipe: Box<Recipe>,
    },
    /// It says that the set is there.
    Sentinel,
    /// It says which files the set has.
    Control {
        /// Their names.
        lists: Vec<String>,
    },
}

/// The rules of a group as they are now.
struct Rules {
    rows: Vec<RuleRow>,
    rules: Vec<FileRule>,
    group: LoadGroup,
}

/// Reads and judges the rules of a group; what is wrong with them, each fault with its rule.
async fn rules_of(app: &App, name: &str) -> Result<Result<Rules, Vec<RuleFaults>>, AppError> {
    let rows = app.store.rules_of_group(name).await?;
    Ok(judge(rows, app))
}

fn judge(rows: Vec<RuleRow>, app: &App) -> Result<Rules, Vec<RuleFaults>> {
    let mut faults = Vec::new();
    let mut rules = Vec::new();
    for row in &rows {
        match FileRule::from_row(row) {
            Ok(rule) => rules.push(rule),
            Err(faulty) => faults.push(faulty),
        }
    }
    match LoadGroup::of(&rules, Some(&app.config.warehouse)) {
        Ok(group) if faults.is_empty() => match fault_of_size(&rules) {
            None => Ok(Rules { rows, rules, group }),
            Some(fault) => Err(by_rule(vec![fault])),
        },
        Ok(_) => Err(faults),
        Err(together) => {
            faults.extend(by_rule(together));
            Err(faults)
        }
    }
}

/// The faults of rules that are wrong together.
pub(crate) fn by_rule(faults: Vec<(RuleId, RuleFault)>) -> Vec<RuleFaults> {
    let one = |(rule, fault)| RuleFaults {
        rule,
        faults: vec![fault],
    };
    faults.into_iter().map(one).collect()
}

/// Why no file of a group can be loaded now; its own rule's faults come first.
pub(crate) async fn fault_of(app: &App, group: &str, rule: RuleId) -> Result<Option<RejectReason>, AppError> {
    let Err(faults) = rules_of(app, group).await? else {
        return Ok(None);
    };
    let told = |faulty: &RuleFaults| {
        let of_other = |fault: &RuleFault| {
            if faulty.rule == rule {
                return fault.clone();
            }
            RuleFault::new(
                "load_group",
                format!("rule {} of the group: {fault}", faulty.rule),
            )
        };
        faulty.faults.iter().map(of_other).collect::<Vec<_>>()
    };
    let (own, others): (Vec<_>, Vec<_>) = faults.iter().partition(|faulty| faulty.rule == rule);
    let faults = own.into_iter().chain(others).flat_map(told).collect();
    Ok(Some(RejectReason::RuleInvalid(RuleFaults { rule, faults })))
}

/// Makes the load that carries a set, when the set is whole, or when it may not wait any longer.
pub(crate) async fn make(app: &App, set: &WaitingSet, actor: &str) -> Result<Making, AppError> {
    if set.files == 0 {
        return Ok(Making::Nothing);
    }
    let members = app.store.set_members(set.id, MOST_FILES).await?;
    let now = app.clock.now();
    let rules = rules_of(app, &set.group).await?;
    let judged = match &rules {
        Ok(rules) => standing(&members, &rules.group),
        Err(faults) => SetStanding::Lacks(faults.iter().map(ToString::to_string).collect()),
    };
    let new = match judged {
        SetStanding::Whole(loads) if loads.len() < MOST_FILES as usize => {
            let chosen: Vec<_> = members
                .iter()
                .filter(|member| loads.contains(&member.load))
                .collect();
            match &rules {
                Ok(rules) => plan_set(app, set, &chosen, rules).await?,
                Err(_) => return Ok(Making::Nothing),
            }
        }
        SetStanding::Whole(loads) => {
            let problem = format!("{} files are too many for one transaction", loads.len());
            let all: Vec<_> = members.iter().collect();
            failed_set(app, set, &all, rules.as_ref().ok(), "group_too_large", problem)?
        }
        SetStanding::Lacks(missing) => {
            if members.is_empty() || !is_over(set, rules.as_ref().ok(), now) {
                app.store.looked_at_set(set.id, now).await?;
                return Ok(Making::Nothing);
            }
            if let Some(left) = leave_if_repeated(app, set, &members, rules.as_ref().ok(), actor).await? {
                return Ok(left);
            }
            let all: Vec<_> = members.iter().collect();
            let missing = with_rejected(app, set, &members, rules.as_ref().ok(), missing).await?;
            let problem = format!("it lacks {}; nothing of it was loaded", missing.join("; "));
            failed_set(app, set, &all, rules.as_ref().ok(), "set_incomplete", problem)?
        }
    };
    match app.store.make_set(&new, now, actor).await? {
        MadeBatch::Made(load) => {
            info!(parent: &trace::span_of(&load, actor), files = new.loads.len(), "made load {} of {}", load.id, new.name);
            Ok(Making::Made(load.id))
        }
        MadeBatch::Overtaken | MadeBatch::Waits { .. } => Ok(Making::Overtaken),
    }
}

/// What a set lacks now; none of it where it is whole or a load was made of it.
pub async fn set_lacks(app: &App, set: &WaitingSet) -> Result<Vec<String>, AppError> {
    let members = app.store.set_members(set.id, MOST_FILES).await?;
    Ok(match rules_of(app, &set.group).await? {
        Ok(rules) => match standing(&members, &rules.group) {
            SetStanding::Whole(_) => vec![],
            SetStanding::Lacks(missing) => with_rejected(app, set, &members, Some(&rules), missing).await?,
        },
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    })
}

/// What a set lacks, and which of its files were refused: those are why it lacks something, or will be told of in vain.
async fn with_rejected(
    app: &App,
    set: &WaitingSet,
    members: &[SetMember],
    rules: Option<&Rules>,
    mut missing: Vec<String>,
) -> Result<Vec<String>, AppError> {
    let (Some(rules), Some(first_at)) = (rules, set.first_at) else {
        return Ok(missing);
    };
    // A file may have been refused before the first one that was not.
    let since = chrono::TimeDelta::from_std(rules.group.max_age)
        .ok()
        .and_then(|age| first_at.checked_sub_signed(age))
        .unwrap_or(first_at);
    let ids: Vec<RuleId> = rules.rules.iter().map(|rule| rule.id).collect();
    let rejected = app.store.set_rejected(&set.bucket, &ids, since).await?;
    let is_of_set = |file: &&RejectedMember| {
        let rule = rules.rules.iter().find(|rule| rule.id == file.rule);
        let part = rule.and_then(|rule| rule.group.as_ref());
        part.is_some_and(|part| set_of(part, &file.key, &file.captures).as_ref() == Ok(&set.set))
            && members.iter().all(|member| member.key != file.key)
    };
    let named = rejected.iter().filter(is_of_set).map(|file| {
        format!(
            "{} of rule {}, which was rejected ({})",
            file.key, file.rule, file.error
        )
    });
    missing.extend(named.take(MOST_REJECTED));
    Ok(missing)
}

/// Of a set that may not wait any longer and has nothing but sentinels or control files that were loaded with an earlier set,
/// lets the first one go: it was sent a second time. There may have been more to come, as where each day's set lies in one folder,
/// which is why it was let in. `None`: the set has something else, or its rule says that what comes again counts.
async fn leave_if_repeated(
    app: &App,
    set: &WaitingSet,
    members: &[SetMember],
    rules: Option<&Rules>,
    actor: &str,
) -> Result<Option<Making>, AppError> {
    let Some(rules) = rules else { return Ok(None) };
    let mut first = None;
    for member in members {
        match loaded_before(app, member, rules).await? {
            Some(earlier) => first = first.or(Some((member.load, earlier))),
            None => return Ok(None),
        }
    }
    let Some((load, earlier)) = first else {
        return Ok(None);
    };
    let note = format!(
        "the same content was loaded before, as load {earlier}, and nothing else came of another set"
    );
    let now = app.clock.now();
    let moved = app.store.leave_set(load, set.id, &note, now, actor).await?;
    Ok(Some(match moved.has_moved() {
        true => {
            info!("skipped load {load}: {note}");
            Making::Left(load)
        }
        false => Making::Overtaken,
    }))
}

/// The load that a sentinel or a control file was loaded as before, where its rule says that it does not count again.
async fn loaded_before(app: &App, member: &SetMember, rules: &Rules) -> Result<Option<LoadId>, AppError> {
    let is_leader = matches!(part_of(member), Some(SetPart::Sentinel | SetPart::Control { .. }));
    let Some(rule) = rules
        .rules
        .iter()
        .find(|rule| is_leader && rule.id == member.rule)
    else {
        return Ok(None);
    };
    let replayed = app.store.load(member.load).await?.and_then(|load| load.resend);
    if replayed.unwrap_or(rule.resend) != ResendPolicy::Skip {
        return Ok(None);
    }
    let others = app.store.same_content(member.load).await?;
    Ok(others.iter().find(|other| other.has_rows).map(|other| other.load))
}

/// While a rule of the group is paused its files are not lacking, they wait.
fn is_over(set: &WaitingSet, rules: Option<&Rules>, now: chrono::DateTime<chrono::Utc>) -> bool {
    if set.flush_at.is_some_and(|at| at <= now) {
        return true;
    }
    let is_paused = rules.is_some_and(|rules| rules.rows.iter().any(|row| row.paused));
    let max_age = rules.map_or(Duration::from_secs(86_400), |rules| rules.group.max_age);
    let waited = set
        .first_at
        .and_then(|at| (now - at).to_std().ok())
        .unwrap_or_default();
    !is_paused && waited >= max_age
}

/// What waits, judged by the rules of its group.
fn standing(members: &[SetMember], group: &LoadGroup) -> SetStanding {
    let parts: Vec<_> = members.iter().map(part_of).collect();
    let arrived: Vec<_> = members
        .iter()
        .zip(&parts)
        .map(|(member, part)| Arrived {
            load: member.load,
            rule: member.rule,
            key: &member.key,
            lists: match part {
                Some(SetPart::Control { lists }) => Some(lists),
                Some(SetPart::Data { .. } | SetPart::Sentinel) | None => None,
            },
        })
        .collect();
    group.judge(&arrived)
}

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

fn part_of(member: &SetMember) -> Option<SetPart> {
    serde_json::from_value(member.part.clone()).ok()
}

/// The manifest's id of a section; that of the first is the set's own.
fn section_id(set: LoadId, index: usize) -> LoadId {
    match index {
        0 => set,
        _ => LoadId::from_uuid(Uuid::new_v5(&set.as_uuid(), index.to_string().as_bytes())),
    }
}

/// Writes the manifests and plans the transaction. What cannot be one is a set that fails.
async fn plan_set(
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
fn failed_set(
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
    let plan = LoadPlan {
        warehouse,
        table: table.clone(),
        follow_up: None,
        follow_up_steps: vec![],
        follow_up_repeats: false,
        retry: Default::default(),
        on_bad_file: OnBadFile::FailAll,
        max_errors: Some(0),
        load_id_column: None,
        encryption_secret: None,
        vacuum_rows: None,
        mode: LoadMode::Append,
        sections: vec![],
        section_of: vec![],
        steps: vec![],
        statements: vec![],
    };
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

/// Whether a buffer is that of a set, and then makes the load that is due of it.
pub(crate) async fn make_if_set(
    app: &App,
    buffer: BufferId,
    actor: &str,
) -> Result<Option<Making>, AppError> {
    match app.store.waiting_set(buffer).await? {
        Some(set) => make(app, &set, actor).await.map(Some),
        None => Ok(None),
    }
}
