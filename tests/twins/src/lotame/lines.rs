//! Lines of a stream in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

const BUFFER: usize = 64 << 10;

/// What [`Lines::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// In the buffer, without its newline.
    Whole,
    /// Longer than allowed; it was passed over.
    TooLong,
}

/// Lines of `R`, none longer than `longest` bytes in memory.
pub(crate) struct Lines<R> {
    inner: BufReader<R>,
    longest: usize,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(inner: R, longest: usize) -> Self {
        Self { inner: BufReader::with_capacity(BUFFER, inner), longest }
    }

    /// Puts the next line into `line`; nothing after the last newline is no line.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
        line.clear();
        let mut seen = false;
        let mut found = Line::Whole;
        loop {
            let available = match self.inner.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(seen.then_some(found));
            }
            seen = true;
            let end = available.iter().position(|&byte| byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            if line.len() + part.len() > self.longest {
                found = Line::TooLong;
                line.clear();
            } else if found == Line::Whole {
                line.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.inner.consume(taken);
            if end.is_some() {
                return Ok(Some(found));
            }
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner.into_inner()
    }
}
