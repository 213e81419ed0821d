//! The folder that a file is split into: it comes up whole or not at all.
//!
//! Files are written in a folder of another name beside it, which takes its name when all of them are there. A command that dies
//! leaves that folder (`.NAME.split-…`), which nobody takes for the result.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use tempfile::TempDir;

use super::file_name;
use crate::exit::input;

/// Files that the process may need beside those that are split into.
const FILES_FOR_OTHERS: u64 = 64;
/// The most files that are held open, whatever the system allows.
const MOST_OPEN_FILES: u64 = 1024;

/// Files by the values of records, and a folder in the making.
pub(crate) struct SplitFolder {
    /// Where it will be.
    to: PathBuf,
    making: TempDir,
    files: Vec<OneFile>,
    /// The open ones, in the order in which they were opened.
    open: VecDeque<usize>,
    most_open: usize,
}

struct OneFile {
    path: PathBuf,
    open: Option<File>,
}

impl SplitFolder {
    /// Refuses a place where something is, and begins a folder beside it.
    pub(crate) fn begin(to: &Path) -> anyhow::Result<Self> {
        // A link to an empty folder would not be replaced by a rename: what it leads to is.
        let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
        refuse_occupied(&to)?;
        let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(input(format!("{} is not the name of a folder", to.display())));
        };
        let parent = match parent.as_os_str().is_empty() {
            true => Path::new("."),
            false => parent,
        };
        let making = tempfile::Builder::new()
            .prefix(&format!(".{}.split-", name.to_string_lossy()))
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(parent)
            .map_err(|error| input(format!("no folder can be made in {}: {error}", parent.display())))?;
        Ok(Self {
            making,
            files: Vec::new(),
            open: VecDeque::new(),
            most_open: most_open_files(),
            to,
        })
    }

    /// Adds bytes to the file of a value. Values are numbered as they come up; each file is made with its first bytes.
    pub(crate) fn append(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> io::Result<()> {
        while self.files.len() <= index {
            self.files.push(OneFile {
                path: PathBuf::new(),
                open: None,
            });
        }
        if self.files[index].open.is_none() {
            self.open(index, value)?;
        }
        let file = &mut self.files[index];
        let Some(open) = &mut file.open else {
            return Err(ErrorKind::NotFound.into());
        };
        open.write_all(bytes)
            .map_err(|error| placed(&file.path, "written", &error))
    }

    /// Gives the folder its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.files.clear();
        match std::fs::rename(self.making.path(), &self.to) {
            // It has another name now, so there is nothing left to be removed.
            Ok(()) => drop(self.making.keep()),
            Err(error) => {
                refuse_occupied(&self.to)?;
                return Err(input(format!(
                    "{} cannot be given its name: {error}; name a folder that is not there yet",
                    self.to.display()
                )));
            }
        }
        Ok(())
    }

    fn open(&mut self, index: usize, value: &[u8]) -> io::Result<()> {
        if self.open.len() >= self.most_open
            && let Some(oldest) = self.open.pop_front()
        {
            self.files[oldest].open = None;
        }
        let file = &mut self.files[index];
        let is_new = file.path.as_os_str().is_empty();
        if is_new {
            file.path = self.making.path().join(file_name(value));
        }
        // Where names differ by case alone and the disk takes them for one, a second file is refused instead of mixed in.
        let mut options = OpenOptions::new();
        options.append(true).create_new(is_new);
        let opened = options.open(&file.path);
        file.open = Some(opened.map_err(|error| placed(&file.path, "opened", &error))?);
        self.open.push_back(index);
        Ok(())
    }
}

fn placed(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{} cannot be {what}: {error}", path.display()),
    )
}

fn refuse_occupied(to: &Path) -> anyhow::Result<()> {
    let is_empty = match std::fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    match is_empty {
        true => Ok(()),
        false => Err(input(format!(
            "{} is there already and is no empty folder; name another",
            to.display()
        ))),
    }
}

/// As many as the system lets this process have, less some.
fn most_open_files() -> usize {
    let allowed = getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft);
    let most = allowed.saturating_sub(FILES_FOR_OTHERS).clamp(8, MOST_OPEN_FILES);
    usize::try_from(most).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_closed_for_others_go_on_where_they_were() {
        let parent = TempDir::new().unwrap();
        let to = parent.path().join("out");
        let mut folder = SplitFolder::begin(&to).unwrap();
        folder.most_open = 2;
        for (index, value) in [0, 1, 2, 0, 1, 2, 2]
            .into_iter()
            .map(|index| (index, [b'a' + index as u8]))
        {
            folder.append(index, &value, &value).unwrap();
        }
        assert!(!to.exists(), "it comes up whole");
        folder.finish().unwrap();
        let read = |name| std::fs::read_to_string(to.join(name)).unwrap();
        assert_eq!(
            (read("a"), read("b"), read("c")),
            ("aa".into(), "bb".into(), "ccc".into())
        );
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_filled_meanwhile_is_left_alone_and_nothing_is_left_beside_it() {
        let parent = TempDir::new().unwrap();
        let to = parent.path().join("out");
        let mut folder = SplitFolder::begin(&to).unwrap();
        folder.append(0, b"a", b"a\n").unwrap();
        std::fs::create_dir(&to).unwrap();
        std::fs::write(to.join("theirs"), "x").unwrap();
        let error = folder.finish().unwrap_err();
        assert!(error.to_string().contains("no empty folder"), "{error}");
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
