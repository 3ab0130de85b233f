//! What the journal asks of a file system, so that tests can let every call fail.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must be there.
    Read,
    /// To be read and written at its end; it must be there.
    Append,
    /// To be written over at given places; it must be there.
    Over,
    /// Made new, only for its owner, and written from its beginning; it must not be there.
    New,
}

/// A file system, as far as the journal needs one. Every call may fail, and a failed call may have done a part.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// As the file system says.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;

    /// Whether anything has this name.
    ///
    /// # Errors
    /// When that cannot be known.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Gives a file another name, in place of whatever has it.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file away.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder that only its owner may enter, with those above it.
    ///
    /// # Errors
    /// As the file system says.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Waits until names in the folder are on disk.
    ///
    /// # Errors
    /// When that cannot be made sure.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Which network file system the file is on, if it is on one.
    ///
    /// # Errors
    /// When that cannot be known.
    fn network(&self, path: &Path) -> io::Result<Option<&'static str>>;
}

/// An open file.
pub trait DiskFile: Send {
    /// Its length in bytes.
    ///
    /// # Errors
    /// As the file system says.
    fn length(&self) -> io::Result<u64>;

    /// Reads at a place; fewer bytes than asked for only at the end.
    ///
    /// # Errors
    /// As the file system says.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes at the end, once; may write fewer bytes than given.
    ///
    /// # Errors
    /// As the file system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes over what is there.
    ///
    /// # Errors
    /// As the file system says.
    fn write_over(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Waits until content and length are on disk.
    ///
    /// # Errors
    /// When that cannot be made sure. What is on disk then is not known, and asking again would not tell.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// As the file system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Takes the file's lock unless another has it. It is free again when the file is closed, at the latest when
    /// the process ends.
    ///
    /// # Errors
    /// As the file system says.
    fn try_lock(&self) -> io::Result<bool>;

    /// Whether this is still the file that has this name.
    ///
    /// # Errors
    /// As the file system says.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// The machine's own file systems.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::Append => options.read(true).append(true),
            Open::Over => options.read(true).write(true),
            Open::New => options.read(true).append(true).create_new(true).mode(0o600),
        };
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn network(&self, path: &Path) -> io::Result<Option<&'static str>> {
        let kind = rustix::fs::statfs(path)?.f_type;
        // The kernel's type is as wide as the machine's words; every magic number fits into 32 bits.
        Ok(network_named(i128::from(kind) & 0xffff_ffff))
    }

    #[cfg(not(target_os = "linux"))]
    fn network(&self, _: &Path) -> io::Result<Option<&'static str>> {
        Ok(None)
    }
}

/// File systems whose locks and syncs depend on another machine, by the numbers in `linux/magic.h`.
#[cfg(any(target_os = "linux", test))]
const fn network_named(magic: i128) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB 2"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x7375_7245 => Some("Coda"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x6573_5546 => Some("FUSE"),
        _ => None,
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        self.0.metadata().map(|known| known.len())
    }

    fn read_at(&self, at: u64, mut into: &mut [u8]) -> io::Result<usize> {
        let (mut at, mut whole) = (at, 0);
        while !into.is_empty() {
            match self.0.read_at(into, at) {
                Ok(0) => break,
                Ok(count) => {
                    whole += count;
                    at += count as u64;
                    into = into.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_over(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let (own, named) = (self.0.metadata()?, path.metadata());
        match named {
            Ok(named) => Ok((own.dev(), own.ino()) == (named.dev(), named.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_named(0x6969), Some("NFS"));
        assert_eq!(network_named(0xef53), None, "ext4");
        assert_eq!(network_named(0x0102_1994), None, "tmpfs");
    }

    #[test]
    fn a_folder_of_this_machine_is_not_on_the_network() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(RealDisk.network(folder.path()).unwrap(), None);
    }
}
