//! Unzips a data file as it comes and hashes the zipped bytes on the way (B5, B6).

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use md5::{Digest, Md5};

const BUFFER: usize = 64 << 10;

/// Hashes and counts what is consumed.
pub(crate) struct Hashed<R> {
    inner: BufReader<R>,
    md5: Md5,
    bytes: u64,
    /// Reading failed, so that what the decoder says is not about the file.
    broken: Option<io::Error>,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(BUFFER, inner), md5: Md5::new(), bytes: 0, broken: None }
    }
}

impl<R: Read> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.inner.buffer().is_empty()
            && let Err(error) = self.inner.fill_buf()
        {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.broken = Some(error);
            }
            return Err(kind.into());
        }
        Ok(self.inner.buffer())
    }

    fn consume(&mut self, amount: usize) {
        let taken = self.inner.buffer().get(..amount).unwrap_or_default();
        self.md5.update(taken);
        self.bytes += taken.len() as u64;
        self.inner.consume(amount);
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.read(out)?;
        self.consume(taken);
        Ok(taken)
    }
}

/// What a zipped file was.
pub(crate) struct Zipped {
    /// Of all its bytes, in lowercase.
    pub(crate) md5: String,
    /// All its bytes.
    pub(crate) bytes: u64,
    /// How many members were begun.
    pub(crate) members: u32,
}

enum Stage<R> {
    Member(Box<GzDecoder<Hashed<R>>>),
    After(Hashed<R>),
    /// Only while one becomes the other.
    Between,
}

/// The unzipped bytes of all members. Anything but members is an error of kind [`io::ErrorKind::InvalidData`].
pub(crate) struct Unzipped<R> {
    stage: Stage<R>,
    members: u32,
}

impl<R: Read> Unzipped<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { stage: Stage::Member(Box::new(GzDecoder::new(Hashed::new(inner)))), members: 1 }
    }

    /// Reads what is left of the zipped bytes, for their hash.
    ///
    /// An error is of the place: it could not be read.
    pub(crate) fn finish(self) -> io::Result<Zipped> {
        let mut rest = match self.stage {
            Stage::Member(decoder) => decoder.into_inner(),
            Stage::After(rest) => rest,
            Stage::Between => return Err(io::ErrorKind::Other.into()),
        };
        if let Some(error) = rest.broken.take() {
            return Err(error);
        }
        io::copy(&mut rest, &mut io::sink())?;
        Ok(Zipped { md5: hex::encode(rest.md5.finalize()), bytes: rest.bytes, members: self.members })
    }
}

impl<R: Read> Read for Unzipped<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.stage {
                Stage::Member(decoder) => match decoder.read(out)? {
                    0 => {}
                    taken => return Ok(taken),
                },
                Stage::After(rest) => {
                    return match rest.fill_buf()? {
                        [] => Ok(0),
                        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the last member")),
                    };
                }
                Stage::Between => return Err(io::ErrorKind::Other.into()),
            }
            self.next_member()?;
        }
    }
}

impl<R: Read> Unzipped<R> {
    fn next_member(&mut self) -> io::Result<()> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Member(decoder) => {
                let mut rest = decoder.into_inner();
                let begins = rest.fill_buf().map(|bytes| bytes.first() == Some(&0x1f));
                match begins {
                    Ok(true) => {
                        self.members += 1;
                        Stage::Member(Box::new(GzDecoder::new(rest)))
                    }
                    Ok(false) => Stage::After(rest),
                    Err(error) => {
                        self.stage = Stage::After(rest);
                        return Err(error);
                    }
                }
            }
            stage @ (Stage::After(_) | Stage::Between) => stage,
        };
        Ok(())
    }
}
