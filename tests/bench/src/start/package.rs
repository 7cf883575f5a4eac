//! How large a function is: as it is, and as `sam deploy` packs it, in a zip at deflate's default level.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Outcome;

/// Bytes that a zip adds to each file: a header before it and an entry in the directory, each with its name.
/// See <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.
const HEADERS: usize = 30 + 46;
/// And to all of them.
const END: u64 = 22;

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Package {
    pub(crate) bytes: u64,
    pub(crate) zipped_bytes: u64,
}

impl Package {
    /// Of files and of everything in folders.
    pub(crate) fn of(paths: &[PathBuf]) -> Outcome<Self> {
        let mut package = Self { bytes: 0, zipped_bytes: END };
        for path in paths {
            package.add(path, &PathBuf::from(path.file_name().unwrap_or_default()))?;
        }
        Ok(package)
    }

    fn add(&mut self, path: &Path, name: &Path) -> Outcome<()> {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                self.add(&entry.path(), &name.join(entry.file_name()))?;
            }
            return Ok(());
        }
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes)?;
        let deflated = encoder.finish()?.len();
        self.bytes += bytes.len() as u64;
        self.zipped_bytes += (deflated + HEADERS + 2 * name.as_os_str().len()) as u64;
        Ok(())
    }
}
