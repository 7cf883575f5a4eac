//! A body's content encoding, unpacked as it is read, up to a limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

use super::{MAX_UNPACKED_BYTES, Unreadable};

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
}

/// Reads `body` unpacked; more than [`MAX_UNPACKED_BYTES`] is an error.
pub fn unpacked(body: &[u8], encoding: Encoding) -> Box<dyn BufRead + '_> {
    match encoding {
        Encoding::Identity => Box::new(BufReader::new(Limited { inner: body, left: MAX_UNPACKED_BYTES })),
        Encoding::Gzip => {
            Box::new(BufReader::new(Limited { inner: MultiGzDecoder::new(body), left: MAX_UNPACKED_BYTES }))
        }
    }
}

struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::new(io::ErrorKind::FileTooLarge, "unpacked too long")),
        }
    }
}

impl From<io::Error> for Unreadable {
    // Bodies are in memory: what fails while reading one is the limit or the unpacking.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::FileTooLarge { Self::TooLong } else { Self::Packing }
    }
}
