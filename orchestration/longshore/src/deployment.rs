//! Which deployment a command works on, and how it is reached.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use longshore_app::{App, UnpackLimit};
use longshore_copy::{WarehouseScript, sample_sql, warehouse_sql};
use longshore_domain::target::Warehouse;
use longshore_runtime::settings::{Settings, SettingsError};
use longshore_runtime::wiring::{self, AwsAccess, AwsClients, Queues};
use longshore_store::Store;

use crate::exit::input;
use crate::local::ReadyFile;

/// How long one statement of the warehouse's own SQL may take.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(120);

/// A deployment: a local stack by its ready file, or the one that the environment describes.
pub(crate) struct Deployment {
    ready_file: Option<PathBuf>,
}

impl Deployment {
    pub(crate) fn new(ready_file: Option<PathBuf>) -> Self {
        Self { ready_file }
    }

    /// The settings as they are, sound or not, and how AWS is reached.
    pub(crate) fn unchecked_settings(&self) -> anyhow::Result<(Result<Settings, SettingsError>, AwsAccess)> {
        Ok(match &self.ready_file {
            Some(path) => {
                let ready = ReadyFile::read(path)?;
                (Settings::from_pairs(ready.settings()), ready.access())
            }
            None => (Settings::from_environment(), AwsAccess::FromEnvironment),
        })
    }

    /// How much may come of a compressed file: what the functions are told, where it is known.
    pub(crate) fn unpacking(&self) -> UnpackLimit {
        match self.unchecked_settings() {
            Ok((Ok(settings), _)) => settings.unpacking,
            Ok((Err(_), _)) | Err(_) => UnpackLimit::default(),
        }
    }

    fn settings(&self) -> anyhow::Result<(Settings, AwsAccess)> {
        let (settings, access) = self.unchecked_settings()?;
        let settings = settings.map_err(|error| {
            input(format!(
                "{error}\nSet these as the functions have them, or name a running local stack with --local FILE"
            ))
        })?;
        Ok((settings, access))
    }

    /// Everything that the use cases work with.
    pub(crate) async fn app(&self) -> anyhow::Result<App> {
        let (settings, access) = self.settings()?;
        wiring::connect(&settings, &access).await
    }

    /// The AWS side and the settings alone: nothing is connected to.
    pub(crate) async fn clients(&self) -> anyhow::Result<(Settings, AwsClients)> {
        let (settings, access) = self.settings()?;
        let clients = AwsClients::new(&settings.region, &access).await;
        Ok((settings, clients))
    }

    /// The AWS side and the warehouse alone.
    pub(crate) async fn warehouse(&self) -> anyhow::Result<(AwsClients, Warehouse)> {
        let (settings, access) = self.settings()?;
        let clients = AwsClients::new(&settings.region, &access).await;
        let warehouse = wiring::find_warehouse(&settings, &clients.secrets).await?;
        Ok((clients, warehouse))
    }

    /// The queues, and the URL of the one with dead letters: the one that was named, or the local stack's.
    pub(crate) async fn dead_letters(&self, named: Option<String>) -> anyhow::Result<(Queues, String)> {
        let (settings, access) = self.settings()?;
        let url = match (named, &self.ready_file) {
            (Some(url), _) => url,
            (None, Some(path)) => ReadyFile::read(path)?.undelivered_queue_url,
            (None, None) => {
                return Err(input(
                    "say which queue holds the dead letters, with --queue URL or LONGSHORE_UNDELIVERED_QUEUE",
                ));
            }
        };
        let clients = AwsClients::new(&settings.region, &access).await;
        Ok((clients.queues, url))
    }

    /// The local stack that was named.
    pub(crate) fn local_stack(&self) -> anyhow::Result<ReadyFile> {
        match &self.ready_file {
            Some(path) => ReadyFile::read(path),
            None => Err(input(
                "name a running local stack with --local FILE; start one with: longshore local up --ready-file FILE",
            )),
        }
    }

    /// The control database alone.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let (settings, access) = self.settings()?;
        let clients = AwsClients::new(&settings.region, &access).await;
        wiring::connect_store(&settings, &clients.secrets).await
    }

    /// Brings the control database up to date. Gives the names of the migrations that were applied.
    pub(crate) async fn migrate_control(&self, samples: bool) -> anyhow::Result<Vec<String>> {
        let store = self.store().await?;
        migrate_control(&store, samples).await
    }

    /// Runs the warehouse's own SQL. Gives the names of the scripts.
    pub(crate) async fn migrate_warehouse(&self, samples: bool) -> anyhow::Result<Vec<String>> {
        migrate_warehouse(&self.app().await?, samples).await
    }
}

/// Brings a control database up to date.
pub(crate) async fn migrate_control(store: &Store, samples: bool) -> anyhow::Result<Vec<String>> {
    let report = store.migrate().await.context("migrate control database")?;
    if samples {
        store.apply_samples().await.context("load sample rules")?;
    }
    Ok(report.applied)
}

/// Runs the warehouse's own SQL, statement by statement, as the Data API takes it. Each may be run again.
pub(crate) async fn migrate_warehouse(app: &App, samples: bool) -> anyhow::Result<Vec<String>> {
    let mut scripts = warehouse_sql();
    if samples {
        scripts.extend(sample_sql());
    }
    let mut names = Vec::with_capacity(scripts.len());
    for WarehouseScript { name, statements } in scripts {
        for statement in statements {
            app.warehouse
                .run(&app.config.warehouse, &statement, SCRIPT_PATIENCE)
                .await
                .with_context(|| format!("run {name} in {}", app.config.warehouse))?;
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
