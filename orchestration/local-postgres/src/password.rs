//! The superuser's password: made with the data folder, kept beside it, read by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::PostgresError;
use crate::data_dir::{DataDir, give_to};

const RANDOM: &str = "/dev/urandom";

/// Where it is kept: beside the folder, which initdb wants empty and a throw-away server removes.
pub(crate) fn file_of(data_dir: &DataDir) -> PathBuf {
    let mut name = data_dir.path().as_os_str().to_owned();
    name.push(".password");
    PathBuf::from(name)
}

/// Makes one for a new folder. initdb reads it as the server's user.
pub(crate) fn make(data_dir: &DataDir) -> Result<(), PostgresError> {
    let password = random().map_err(PostgresError::io("read", RANDOM))?;
    let path = file_of(data_dir);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(PostgresError::io("remove", &path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(password.as_bytes()))
        .map_err(PostgresError::io("write", &path))?;
    give_to(&path, data_dir.server_user())
}

/// That of a folder; None where it was made without one.
pub(crate) fn read(data_dir: &DataDir) -> Result<Option<String>, PostgresError> {
    let path = file_of(data_dir);
    match fs::read_to_string(&path) {
        Ok(password) => Ok(Some(password)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PostgresError::io("read", &path)(error)),
    }
}

fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open(RANDOM)?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
