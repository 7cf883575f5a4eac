//! Where the files are: a directory, or a bucket.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A tree of files with `/` between the parts of a path and none at its beginning.
///
/// An implementation answers [`io::ErrorKind::PermissionDenied`] where it lacks a right and
/// [`io::ErrorKind::NotFound`] where there is no such file; the intake makes B14 of the former on S3.
pub trait Place {
    /// All files whose path begins with `prefix`, at any depth, by path. Empty where there is none.
    ///
    /// # Errors
    /// Where it cannot be listed.
    fn list(&self, prefix: &str) -> io::Result<Vec<Entry>>;

    /// The bytes of a file, as they come: never the whole file at once.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>>;

    /// Moves a file; what was at `to` is replaced.
    ///
    /// # Errors
    /// Where it cannot be moved.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// Where it cannot be deleted.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes or replaces a file, and the directories above it.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
}

/// A file of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// From the root of the place.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

impl Entry {
    /// After the last slash.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Before the last slash.
    pub(crate) fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

impl<P: Place + ?Sized> Place for &P {
    fn list(&self, prefix: &str) -> io::Result<Vec<Entry>> {
        (**self).list(prefix)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        (**self).open(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        (**self).remove(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).write(path, bytes)
    }
}

/// A directory: a client's folder, or the home of an sFTP user. Symbolic links are neither listed nor followed.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// At `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Paths come from listings and settings; one that leaves the root is refused all the same.
    fn at(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if inside { Ok(self.root.join(path)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }
}

impl Place for Folder {
    fn list(&self, prefix: &str) -> io::Result<Vec<Entry>> {
        let top = prefix.rsplit_once('/').map_or("", |(top, _)| top);
        let mut found = Vec::new();
        let mut waiting = vec![(self.at(top)?, top.to_owned())];
        while let Some((directory, path)) = waiting.pop() {
            let inside = match fs::read_dir(&directory) {
                Ok(inside) => inside,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for child in inside {
                let child = child?;
                let name = child.file_name().to_string_lossy().into_owned();
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                let metadata = match child.metadata() {
                    Ok(metadata) => metadata,
                    // Renamed or removed while the directory was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                if metadata.is_dir() {
                    waiting.push((child.path(), path));
                } else if metadata.is_file() && path.starts_with(prefix) {
                    let modified = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
                    found.push(Entry { path, size: metadata.len(), modified });
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(fs::File::open(self.at(path)?)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let to = self.at(to)?;
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::rename(self.at(from)?, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path)?)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.at(path)?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::File::create(path)?.write_all(bytes)
    }
}
