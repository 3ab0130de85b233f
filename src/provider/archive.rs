//! A zip archive in memory, read within bounds: its list of contents, and each file as a stream that ends where the
//! bound is. Nothing is ever written to a disk.
//!
//! What an archive for this purpose never needs is refused: encryption, other methods than store and deflate, more
//! than one volume, sizes of 64 bits, names that lead out of it.
//!
//! Source: APPNOTE.TXT, the .ZIP file format specification, 4.3.

use std::io::{self, Read};

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// The most files that an archive may hold.
pub const FILES: usize = 5_000;
/// How far from the end the list of contents may be announced: its record and the longest comment.
const END: usize = 22 + 65_535;

/// A file in an archive.
#[derive(Clone, Debug)]
pub struct File<'a> {
    /// Its name, with folders.
    pub name: String,
    packed: &'a [u8],
    method: Method,
    size: u64,
    sum: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
    Other(u16),
}

/// The files of an archive, folders left out.
///
/// # Errors
/// Why it is not read, in plain words.
pub fn files(archive: &[u8]) -> Result<Vec<File<'_>>, String> {
    let broken = || "it is no complete zip archive".to_owned();
    let from = archive.len().saturating_sub(END);
    let tail = archive.get(from..).unwrap_or_default();
    let end = tail.windows(4).rposition(|word| word == b"PK\x05\x06").ok_or_else(broken)?;
    let end = Bytes(tail.get(end..).unwrap_or_default());
    let (disks, count, at) = (end.two(4), end.two(10), end.four(16));
    let (Some(disks), Some(count), Some(at)) = (disks, count, at) else { return Err(broken()) };
    if disks != 0 || end.two(8) != Some(count) {
        return Err("it is one of several volumes".to_owned());
    }
    if count == u16::MAX || at == u32::MAX {
        return Err("its sizes are written in 64 bits".to_owned());
    }
    if usize::from(count) > FILES {
        return Err(format!("it holds {count} files, more than {FILES}"));
    }
    let mut rest = slice(archive, at, None).ok_or_else(broken)?;
    let mut files = Vec::new();
    for _ in 0..count {
        let (file, length) = entry(archive, Bytes(rest)).ok_or_else(broken)?;
        let file = file?;
        if !file.name.ends_with('/') {
            files.push(file);
        }
        rest = rest.get(length..).ok_or_else(broken)?;
    }
    Ok(files)
}

/// One entry of the list of contents, and how long it is; none if it is cut off or points out of the archive.
fn entry<'a>(archive: &'a [u8], head: Bytes<'_>) -> Option<(Result<File<'a>, String>, usize)> {
    if !head.0.starts_with(b"PK\x01\x02") {
        return None;
    }
    let lengths = [head.two(28)?, head.two(30)?, head.two(32)?].map(usize::from);
    let [name, more, comment] = lengths;
    let name = String::from_utf8_lossy(head.0.get(46..46 + name)?).into_owned();
    let length = 46 + lengths.iter().sum::<usize>();
    head.0.get(..46 + more + comment)?;
    let out = name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|part| part == "..");
    if out || name.contains('\0') {
        return Some((Err("one of its names leads out of it".to_owned()), length));
    }
    if head.two(8)? & 1 == 1 {
        return Some((Err("it is encrypted".to_owned()), length));
    }
    let (packed, size, at) = (head.four(20)?, head.four(24)?, head.four(42)?);
    if [packed, size, at].contains(&u32::MAX) {
        return Some((Err("its sizes are written in 64 bits".to_owned()), length));
    }
    let local = Bytes(slice(archive, at, None)?);
    if !local.0.starts_with(b"PK\x03\x04") {
        return None;
    }
    let begin = 30 + usize::from(local.two(26)?) + usize::from(local.two(28)?);
    let packed = slice(local.0, u32::try_from(begin).ok()?, Some(packed))?;
    let method = match head.two(10)? {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => Method::Other(other),
    };
    Some((Ok(File { name, packed, method, size: size.into(), sum: head.four(16)? }), length))
}

impl<'a> File<'a> {
    /// What is in it, at most `most` bytes. What is damaged ends in an error.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn open(&self, most: u64) -> Result<Contents<'a>, String> {
        let inner = match self.method {
            Method::Stored => Inner::Stored(self.packed),
            Method::Deflated => Inner::Deflated(Box::new(DeflateDecoder::new(self.packed))),
            Method::Other(method) => {
                return Err(format!("it is packed by method {method}, which is not read"));
            }
        };
        Ok(Contents { inner, crc: Crc::new(), sum: self.sum, size: self.size, left: most, read: 0 })
    }
}

/// The contents of a file.
pub struct Contents<'a> {
    inner: Inner<'a>,
    crc: Crc,
    sum: u32,
    size: u64,
    left: u64,
    /// Bytes read so far.
    pub read: u64,
}

enum Inner<'a> {
    Stored(&'a [u8]),
    Deflated(Box<DeflateDecoder<&'a [u8]>>),
}

impl Contents<'_> {
    /// Whether it was cut off at the bound.
    #[must_use]
    pub const fn cut(&self) -> bool {
        self.left == 0
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let room = buffer.get_mut(..room).unwrap_or_default();
        if room.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.inner {
            Inner::Stored(bytes) => bytes.read(room)?,
            Inner::Deflated(bytes) => bytes.read(room)?,
        };
        self.crc.update(room.get(..count).unwrap_or_default());
        let more = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(more);
        self.read = self.read.saturating_add(more);
        if count == 0 && (self.crc.sum() != self.sum || self.read != self.size) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged: its checksum is another"));
        }
        Ok(count)
    }
}

fn slice(bytes: &[u8], from: u32, length: Option<u32>) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let rest = bytes.get(from..)?;
    match length {
        Some(length) => rest.get(..usize::try_from(length).ok()?),
        None => Some(rest),
    }
}

/// Numbers in little-endian order.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn two(self, at: usize) -> Option<u16> {
        let bytes = self.0.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_le_bytes(*bytes))
    }

    fn four(self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }
}
