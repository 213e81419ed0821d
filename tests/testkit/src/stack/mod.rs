//! A running local deployment, started and ended from outside like an operator would.

mod processes;
mod program;
mod ready;
mod supervisor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

pub use processes::ProcessTree;
pub use program::program;
pub use ready::Ready;
use supervisor::Supervised;

/// Far more than a start takes, also on a machine that compiles beside it.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// Far more than a stop takes.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// Lines of the program's own output that an error shows.
const SHOWN_LINES: usize = 20;

/// How to start a [`LocalStack`].
#[derive(Debug, Clone, Default)]
pub struct LocalStackOptions {
    /// Where it keeps its state; none: a temporary folder, without durability.
    pub data_dir: Option<PathBuf>,
    /// Whether the sample rules and tables are loaded.
    pub samples: bool,
    /// What goes wrong on purpose: a fault plan as JSON. With one, the functions' database calls can be struck too.
    pub faults: Option<String>,
    /// How long an invocation of a function may take; none: as long as Lambda allows.
    pub function_timeout: Option<Duration>,
    /// Settings of the functions that differ from the usual, as `NAME=VALUE`.
    pub function_settings: Vec<String>,
}

/// `longshore local up`, running until the value is dropped or this process ends, however it ends.
#[derive(Debug)]
pub struct LocalStack {
    ready: Ready,
    ready_file: PathBuf,
    supervised: Supervised,
    // Dropped last: the program writes into it.
    _folder: TempDir,
}

impl LocalStack {
    /// Starts the program that was built beside this test and returns once it is ready.
    ///
    /// # Errors
    /// When the program was not built (the message says the command), or ends instead of becoming ready (the message
    /// says what it printed).
    pub fn start(options: LocalStackOptions) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("longshore-stack-")
            .tempdir()
            .context("create a folder for the stack")?;
        let ready_file = folder.path().join("ready.json");
        let output = folder.path().join("output.log");
        let mut command = Command::new(program("longshore")?);
        command
            .args(["local", "up", "--port", "0", "--ready-file"])
            .arg(&ready_file);
        if let Some(data_dir) = &options.data_dir {
            command.arg("--data-dir").arg(data_dir);
        }
        if options.samples {
            command.arg("--samples");
        }
        if let Some(faults) = &options.faults {
            let plan = folder.path().join("faults.json");
            fs::write(&plan, faults).with_context(|| format!("write {}", plan.display()))?;
            command.arg("--faults").arg(plan);
        }
        if let Some(timeout) = options.function_timeout {
            command
                .arg("--function-timeout")
                .arg(timeout.as_secs().to_string());
        }
        for setting in &options.function_settings {
            command.arg("--function-setting").arg(setting);
        }
        let mut supervised = Supervised::spawn(&command, &output, folder.path())?;
        let ready = wait_until_ready(&mut supervised, &ready_file, &output)?;
        Ok(Self {
            ready,
            ready_file,
            supervised,
            _folder: folder,
        })
    }

    /// Where everything of it is.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The file that the program's other commands take with `--local`.
    pub fn ready_file(&self) -> &Path {
        &self.ready_file
    }

    /// A command of the shipped program on this stack.
    ///
    /// # Errors
    /// When the program was not built.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("longshore")?);
        command.arg("--local").arg(&self.ready_file).args(arguments);
        Ok(command)
    }

    /// What a function printed so far; empty when it has not run.
    ///
    /// # Errors
    /// When the log is there and cannot be read.
    pub fn function_log(&self, function: &str) -> anyhow::Result<String> {
        let path = Path::new(&self.ready.data_dir)
            .join("aws/logs")
            .join(format!("{function}.log"));
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Every process of it: the program, PostgreSQL, the functions, and what guards them.
    ///
    /// # Errors
    /// When the machine does not say what runs.
    pub fn processes(&self) -> anyhow::Result<ProcessTree> {
        ProcessTree::below(self.ready.process_id)
    }

    /// Ends it the polite way, with SIGTERM, and waits until the program is gone.
    ///
    /// # Errors
    /// When it does not end within a minute.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.supervised.terminate();
        self.supervised
            .wait(STOP_PATIENCE)
            .context("stop the local stack")
    }

    /// Ends every process of it with SIGKILL at one moment, like a power cut: all are halted first, so that none sees
    /// another one's end.
    ///
    /// # Errors
    /// When the machine does not say what runs, or a process survives.
    pub fn kill_everything(mut self) -> anyhow::Result<()> {
        let tree = ProcessTree::halt(self.supervised.process_id())?;
        tree.kill();
        self.supervised.wait(STOP_PATIENCE)?;
        tree.wait_until_gone(STOP_PATIENCE)
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        self.supervised.terminate();
        // A stack that hangs must not hide why the test failed; its supervisor goes on trying to end it.
        self.supervised.wait(STOP_PATIENCE).ok();
    }
}

fn wait_until_ready(supervised: &mut Supervised, ready_file: &Path, output: &Path) -> anyhow::Result<Ready> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        // The program renames the finished file into place, so one that is there is whole.
        if ready_file.is_file() {
            return Ready::read(ready_file);
        }
        if supervised.has_ended()? {
            bail!(
                "longshore local up ended before it was ready: {}",
                last_lines(output)
            );
        }
        if Instant::now() > deadline {
            bail!(
                "longshore local up was not ready within {} s: {}",
                START_PATIENCE.as_secs(),
                last_lines(output)
            );
        }
        std::thread::sleep(POLL);
    }
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
