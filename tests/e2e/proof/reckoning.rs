//! Comparing what is on record with what landed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::support::World;

use super::books::{Books, Entry, unquoted};
use super::{Expected, Feeds, Landed, Part};

/// Breaches that are printed.
const SHOWN: usize = 20;

/// What the books say about everything that landed.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    pub(crate) files: usize,
    pub(crate) loads: usize,
    pub(crate) rows: usize,
    /// Rows that are there more than once, or should not be there.
    pub(crate) duplicates: usize,
    /// Rows that are not there.
    pub(crate) losses: usize,
    /// Messages that were published again because the topic's answer was lost: at least once is what the product promises.
    pub(crate) told_again: usize,
    /// Uploads that a dead worker left open; a bucket's lifecycle rule ends them.
    pub(crate) open_uploads: usize,
    breaches: BTreeMap<String, Vec<String>>,
}

impl Reckoning {
    /// Compares the files that landed, each with its etag, with the books.
    pub(crate) async fn draw_up(
        world: &World,
        feeds: &Feeds,
        landed: &[(Landed, String)],
    ) -> anyhow::Result<Self> {
        let books = Books::read(world, feeds).await?;
        let mut reckoning = Self {
            files: landed.len(),
            loads: books.ledger.len(),
            open_uploads: books.open_uploads.len(),
            ..Self::default()
        };
        for (file, etag) in landed {
            reckoning.file(world, &books, file, &unquoted(etag));
        }
        reckoning.rows(&books, landed);
        reckoning.objects(world, &books, landed);
        reckoning.strangers(&books, world, landed);
        reckoning.follow_ups(&books, landed);
        reckoning.messages(&books);
        Ok(reckoning)
    }

    /// Whether everything is as it should be.
    pub(crate) fn is_sound(&self) -> bool {
        self.breaches.is_empty()
    }

    /// The keys of the files that something is wrong with.
    pub(crate) fn broken_keys(&self) -> impl Iterator<Item = &str> {
        self.breaches.keys().map(String::as_str)
    }

    fn breach(&mut self, about: &str, what: impl Into<String>) {
        self.breaches
            .entry(about.to_owned())
            .or_default()
            .push(what.into());
    }

    fn file(&mut self, world: &World, books: &Books, file: &Landed, etag: &str) {
        let key = world.input_key(&file.file_name);
        let loads: Vec<_> = books.loads_of(&key, etag).collect();
        let [load] = loads.as_slice() else {
            let kind = file.kind;
            self.breach(
                &key,
                format!("this {kind} file has {} loads instead of one", loads.len()),
            );
            return;
        };
        let Expected {
            state, told, audit, ..
        } = &file.expected;
        self.load(&key, load, state, told, audit.as_slice());
        self.archived(world, books, &key, load, file, etag);
        let parts: Vec<_> = books.parts_of(&load.id).collect();
        if parts.len() != file.expected.parts.len() {
            self.breach(&key, format!("it has {} parts", parts.len()));
        }
        for expected in &file.expected.parts {
            self.part(&key, &parts, expected);
        }
    }

    fn part(&mut self, key: &str, parts: &[&Entry], expected: &Part) {
        let of_type = |part: &&&Entry| part.part.as_deref() == Some(expected.name.as_str());
        match parts.iter().find(of_type) {
            Some(part) => self.load(key, part, "complete", &["loaded"], &["FINISHED"]),
            None => self.breach(key, format!("part {} is missing", expected.name)),
        }
    }

    fn load(&mut self, key: &str, load: &Entry, state: &str, told: &[&str], audit: &[&str]) {
        if load.state != state {
            self.breach(key, format!("load {} is {}, not {state}", load.id, load.state));
        }
        if !load.is_settled() {
            self.breach(key, format!("load {} is not done with", load.id));
        }
        if load.audit != audit {
            self.breach(key, format!("its audit rows are {:?}, not {audit:?}", load.audit));
        }
        if load.told != told {
            self.breach(key, format!("what is told is {:?}, not {told:?}", load.told));
        }
    }

    /// It lies in the archive once, byte for byte, and no longer where it landed.
    fn archived(&mut self, world: &World, books: &Books, key: &str, load: &Entry, file: &Landed, etag: &str) {
        let ready = world.ready();
        let archived = load.archived_key.clone().unwrap_or_default();
        let begins = format!(
            "{}/{}/{}_",
            ready.archive_folder, file.expected.shelf, file.file_name
        );
        if !archived.starts_with(&begins) {
            self.breach(key, format!("it is archived as {archived:?}, not under {begins}"));
        }
        if books.objects.get(&archived).is_none_or(|found| found != etag) {
            self.breach(key, format!("{archived} is not there, or is another file"));
        }
        if books.objects.get(key).is_some_and(|found| found == etag) {
            self.breach(key, "it still lies where it landed");
        }
    }

    /// Every row once, under the name of its file, and no other row.
    fn rows(&mut self, books: &Books, landed: &[(Landed, String)]) {
        let mut unclaimed: BTreeMap<_, _> = books.rows.iter().collect();
        for (file, _) in landed {
            for row in file.rows() {
                self.rows += 1;
                let found = unclaimed.remove(row).map_or(&[][..], Vec::as_slice);
                self.row(file, row, found);
            }
        }
        for ((table, id), files) in unclaimed {
            self.duplicates += files.len();
            self.breach(table, format!("row {id} of {files:?} should not be there"));
        }
    }

    fn row(&mut self, file: &Landed, (table, id): &(String, i32), found: &[String]) {
        match found {
            [name] if *name == file.file_name => {}
            [name] => self.breach(table, format!("row {id} of {} says {name}", file.file_name)),
            [] => {
                self.losses += 1;
                self.breach(table, format!("row {id} of {} is not there", file.file_name));
            }
            several => {
                self.duplicates += several.len() - 1;
                let count = several.len();
                self.breach(
                    table,
                    format!("row {id} of {} is there {count} times", file.file_name),
                );
            }
        }
    }

    /// The bucket holds the archived files and nothing else.
    fn objects(&mut self, world: &World, books: &Books, landed: &[(Landed, String)]) {
        let ready = world.ready();
        for key in books.keys_in(&ready.processing_folder) {
            self.breach(key, "this work was left behind");
        }
        for key in books.keys_in(&ready.input_prefix) {
            self.breach(key, "this object still lies where it landed");
        }
        let archived = books.keys_in(&ready.archive_folder).count();
        if archived != landed.len() {
            self.breach(
                &ready.archive_folder,
                format!("it holds {archived} files for {} that landed", landed.len()),
            );
        }
    }

    /// No load is on the ledger that nothing landed for.
    fn strangers(&mut self, books: &Books, world: &World, landed: &[(Landed, String)]) {
        let known: BTreeSet<_> = landed
            .iter()
            .map(|(file, etag)| (world.input_key(&file.file_name), unquoted(etag)))
            .collect();
        let whole = books.ledger.iter().filter(|entry| entry.parent.is_none());
        for entry in whole.filter(|entry| !known.contains(&(entry.key.clone(), entry.etag.clone()))) {
            self.breach(
                &entry.key,
                format!("nothing landed that load {} is for", entry.id),
            );
        }
    }

    /// One run for every file whose rule has a follow-up that works.
    fn follow_ups(&mut self, books: &Books, landed: &[(Landed, String)]) {
        let due = landed
            .iter()
            .filter(|(file, _)| file.kind == super::Kind::FollowUp.name());
        let (due, ran) = (due.count(), books.follow_ups);
        if due != ran {
            self.breach("follow-ups", format!("{ran} ran for {due} files"));
        }
    }

    /// What the outbox says was sent was published.
    fn messages(&mut self, books: &Books) {
        let outcomes = books
            .ledger
            .iter()
            .flat_map(|entry| entry.told.iter().map(move |told| (entry, told)));
        let mut known = BTreeSet::new();
        for (entry, told) in outcomes {
            let message = (entry.id.clone(), told.clone());
            match books.published.get(&message).copied().unwrap_or_default() {
                0 => self.breach(&entry.key, format!("nobody was told that it is {told}")),
                times => self.told_again += times - 1,
            }
            known.insert(message);
        }
        for message in books.published.keys().filter(|message| !known.contains(*message)) {
            self.breach("messages", format!("{message:?} is not in the outbox"));
        }
    }
}

impl fmt::Display for Reckoning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} files, {} loads, {} rows: {} duplicates, {} losses; {} messages told again; {} uploads left open",
            self.files,
            self.loads,
            self.rows,
            self.duplicates,
            self.losses,
            self.told_again,
            self.open_uploads
        )?;
        for (about, breaches) in self.breaches.iter().take(SHOWN) {
            writeln!(formatter, "BROKEN {about}: {}", breaches.join("; "))?;
        }
        match self.breaches.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(formatter, "and {more} more"),
        }
    }
}
