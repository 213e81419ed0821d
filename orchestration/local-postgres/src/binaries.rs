//! Where the server's programs are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::PostgresError;

/// `MERGE`, which the warehouse needs, came with 15.
const OLDEST_MAJOR_VERSION: u32 = 15;

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder that holds `initdb` and `postgres`.
    pub folder: PathBuf,
    /// The major version, such as 15.
    pub major_version: u32,
}

impl Binaries {
    /// The newest installation of 15 or later on PATH, in Debian's or in Homebrew's places.
    ///
    /// # Errors
    /// [`PostgresError::BinariesMissing`], whose text says the command that installs them.
    pub fn find() -> Result<Self, PostgresError> {
        Self::newest_in(&usual_folders())
    }

    /// The newest installation of 15 or later among `folders`.
    ///
    /// # Errors
    /// [`PostgresError::BinariesMissing`], whose text says the command that installs them.
    pub fn newest_in(folders: &[PathBuf]) -> Result<Self, PostgresError> {
        let found = installations(folders);
        let newest = found.iter().max_by_key(|binaries| binaries.major_version);
        match newest {
            Some(binaries) if binaries.major_version >= OLDEST_MAJOR_VERSION => Ok(binaries.clone()),
            other => Err(missing(other)),
        }
    }

    /// An installed version that can serve a data folder written by `major_version`.
    pub(crate) fn find_version(major_version: u32) -> Option<Self> {
        installations(&usual_folders())
            .into_iter()
            .find(|binaries| binaries.major_version == major_version)
    }

    /// The path of one program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn usual_folders() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "PATH is where programs are, not a setting of ours"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = folders_of_path(&path);
    folders.extend(folders_matching("/usr/lib/postgresql", ""));
    folders.extend(folders_matching("/opt/homebrew/opt", "postgresql"));
    folders.extend(folders_matching("/usr/local/opt", "postgresql"));
    folders
}

fn folders_of_path(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .collect()
}

/// `<parent>/<prefix>*/bin`; nothing when there is no such parent.
fn folders_matching(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join("bin"))
        .collect()
}

fn installations(folders: &[PathBuf]) -> Vec<Binaries> {
    let distinct: BTreeSet<&PathBuf> = folders.iter().collect();
    distinct
        .into_iter()
        .filter_map(|folder| installation(folder))
        .collect()
}

fn installation(folder: &Path) -> Option<Binaries> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .env_clear()
        .output()
        .ok()?;
    let major_version = major_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries {
        folder: folder.to_path_buf(),
        major_version,
    })
}

/// 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits = version
        .split(|character: char| !character.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}

fn missing(found: Option<&Binaries>) -> PostgresError {
    let found = found
        .map(|binaries| {
            format!(
                " (only {} in {})",
                binaries.major_version,
                binaries.folder.display()
            )
        })
        .unwrap_or_default();
    PostgresError::BinariesMissing {
        needed: OLDEST_MAJOR_VERSION,
        found,
        install: install_command(),
    }
}

fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        "brew install postgresql@16"
    } else {
        "apt-get install postgresql"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 17beta2"), Some(17));
        assert_eq!(major_version("something else"), None);
    }

    #[test]
    fn missing_binaries_are_reported_with_the_command_that_installs_them() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::newest_in(&[empty.path().to_path_buf()]).unwrap_err();
        assert!(error.to_string().contains(install_command()), "{error}");
    }

    #[test]
    fn an_old_version_alone_is_not_enough_and_is_named() {
        let folder = installation_saying("postgres (PostgreSQL) 13.4");
        let error = Binaries::newest_in(&[folder.path().to_path_buf()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("only 13 in"), "{error}");
    }

    #[test]
    fn the_newest_of_several_is_taken() {
        let older = installation_saying("postgres (PostgreSQL) 15.1");
        let newer = installation_saying("postgres (PostgreSQL) 17.2");
        let folders = [newer.path().to_path_buf(), older.path().to_path_buf()];
        assert_eq!(Binaries::newest_in(&folders).unwrap().major_version, 17);
    }

    fn installation_saying(version: &str) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("initdb", String::new()),
            ("postgres", format!("#!/bin/sh\necho '{version}'\n")),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }
}
