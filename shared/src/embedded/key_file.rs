//! The key that opens the vault: 32 random bytes in a file beside the database, for its owner's eyes only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::OpenError;

/// The key's length in bytes.
pub(super) const KEY_BYTES: usize = 32;

const NAME: &str = "vault.key";

/// Where the key of a data folder is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Reads the key of a data folder. Where there is none it is made, unless `secrets_exist`, which a new one
/// would not open.
pub(super) fn read_or_make(folder: &Path, secrets_exist: bool) -> Result<[u8; KEY_BYTES], OpenError> {
    let path = path(folder);
    match File::open(&path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::Folder { path, error }),
        Err(_) if secrets_exist => Err(OpenError::KeyMissing { path }),
        Err(_) => {
            let key = random_key()?;
            make(folder, &path, &key).map_err(|error| OpenError::Folder { path, error })?;
            Ok(key)
        }
    }
}

/// A key that nobody had before.
pub(super) fn random_key() -> Result<[u8; KEY_BYTES], OpenError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|_| OpenError::NoRandomness)?;
    Ok(key)
}

fn read(file: File, path: PathBuf) -> Result<[u8; KEY_BYTES], OpenError> {
    let refused = |error| OpenError::Folder { path: path.clone(), error };
    let mode = file.metadata().map_err(refused)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OpenError::KeyExposed { path, mode });
    }
    let text = io::read_to_string(file).map_err(refused)?;
    let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
    bytes.try_into().map_err(|_| OpenError::KeyDamaged { path })
}

/// Under another name first: a file of the right name is a whole key.
fn make(folder: &Path, path: &Path, key: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{NAME}.new"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}
