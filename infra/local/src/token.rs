//! The API's bearer token as a file that only its owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the token into the data folder; answers where.
///
/// # Errors
/// With the file and the reason.
pub fn write(folder: &Path, token: &str) -> Result<PathBuf, String> {
    let path = folder.join("api-token");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    writeln!(file, "{token}").map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
