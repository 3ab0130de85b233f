//! Archives as uploading actions write them, and archives that nobody should write.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use gonogo::provider::archive::{FILES, files};

/// One file of an archive, and how it deviates from a decent one.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    method: u16,
    flags: u16,
    sum: Option<u32>,
}

pub(crate) fn entry(name: &str, bytes: impl AsRef<[u8]>) -> Entry {
    Entry { name: name.to_owned(), bytes: bytes.as_ref().to_vec(), method: 8, flags: 0, sum: None }
}

fn packed(entry: &Entry) -> Vec<u8> {
    if entry.method != 8 {
        return entry.bytes.clone();
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&entry.bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = packed(entry);
        let mut crc = Crc::new();
        crc.update(&entry.bytes);
        let mut head = vec![20, 0];
        head.extend(entry.flags.to_le_bytes());
        head.extend(entry.method.to_le_bytes());
        head.extend([0; 4]);
        head.extend(entry.sum.unwrap_or(crc.sum()).to_le_bytes());
        head.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        head.extend(u32::try_from(entry.bytes.len()).unwrap().to_le_bytes());
        head.extend(u16::try_from(entry.name.len()).unwrap().to_le_bytes());
        head.extend([0; 2]);
        let at = u32::try_from(out.len()).unwrap();
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(entry.name.as_bytes());
        out.extend(packed);
        list.extend(b"PK\x01\x02\x14\x03");
        list.extend(&head);
        list.extend([0; 10]);
        list.extend(at.to_le_bytes());
        list.extend(entry.name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(list.len()).unwrap(), u32::try_from(out.len()).unwrap());
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend(3_u16.to_le_bytes());
    out.extend(b"bye");
    out
}

fn text(archive: &[u8], most: u64) -> Result<String, String> {
    let mut out = String::new();
    for file in files(archive)? {
        let mut contents = file.open(most)?;
        std::io::Read::read_to_string(&mut contents, &mut out).map_err(|error| error.to_string())?;
    }
    Ok(out)
}

#[test]
fn files_come_out_as_they_were_put_in() {
    let stored = Entry { method: 0, ..entry("b/c.xml", "<b/>") };
    let all = archive(&[entry("a.xml", "<a/>"), entry("folder/", ""), stored]);
    let names: Vec<String> = files(&all).unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["a.xml", "b/c.xml"]);
    assert_eq!(text(&all, 100), Ok("<a/><b/>".to_owned()));
    assert_eq!(text(&all, 2), Ok("<a<b".to_owned()), "no more than was asked for");
}

#[test]
fn what_an_archive_of_reports_never_needs_is_refused() {
    let good = archive(&[entry("a.xml", "<a/>")]);
    let many: Vec<Entry> = (0..=FILES).map(|number| entry(&format!("{number}.xml"), "")).collect();
    let mut volumes = good.clone();
    let end = volumes.windows(4).rposition(|word| word == b"PK\x05\x06").unwrap();
    volumes[end + 4] = 1;
    let mut wide = good.clone();
    wide[end + 16..end + 20].fill(0xff);
    for (name, bytes, why) in [
        ("no archive", b"<html>".to_vec(), "no complete zip"),
        ("cut off", good[..good.len() - 10].to_vec(), "no complete zip"),
        ("nothing", Vec::new(), "no complete zip"),
        ("out of it", archive(&[entry("../../etc/cron.d/x.xml", "<a/>")]), "leads out"),
        ("absolute", archive(&[entry("/etc/x.xml", "<a/>")]), "leads out"),
        ("backwards", archive(&[entry("a\\..\\..\\x.xml", "<a/>")]), "leads out"),
        ("encrypted", archive(&[Entry { flags: 1, ..entry("a.xml", "<a/>") }]), "encrypted"),
        ("another method", archive(&[Entry { method: 12, ..entry("a.xml", "<a/>") }]), "method 12"),
        ("another sum", archive(&[Entry { sum: Some(7), ..entry("a.xml", "<a/>") }]), "damaged"),
        ("too many", archive(&many), "more than 5000"),
        ("volumes", volumes, "several volumes"),
        ("64 bits", wide, "64 bits"),
    ] {
        let told = text(&bytes, 1_000).unwrap_err();
        assert!(told.contains(why), "{name}: {told}");
    }
}

#[test]
fn no_byte_of_an_archive_that_is_changed_breaks_anything() {
    let good =
        archive(&[entry("a.xml", "<testsuite><testcase name='a'/></testsuite>"), entry("b.json", "[]")]);
    let mut tried = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            tried += 1;
            // What is still whole comes out as it was; anything else says why not.
            if let Ok(text) = text(&bad, 10_000) {
                assert!(text.len() <= 20_000);
            }
        }
    }
    println!("{tried} archives with one bit flipped: none breaks anything");
}
