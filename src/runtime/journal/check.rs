//! Checks a whole journal: every line, every segment, the head file, and the anchors made of it elsewhere.
//!
//! Streams: no more than one line and a block are held at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::chain::Chain;
use super::disk::{Disk, Open};
use super::head::Head;
use super::places::{Places, short};
use super::read::{Lines, Piece, first_line};
use super::segment::After;
use super::tail::{gone, last_segment};
use super::{Anchor, JournalError, io_error};

/// One append leaves at most this many whole lines outside the chain when it fails.
const LEFT_BY_ONE: u64 = 2;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// How far the chain holds.
    pub chain: Chain,
    /// The segments that were read, in order.
    pub segments: Vec<SegmentReport>,
    /// What the head file says, if it is one.
    pub head: Option<Head>,
    /// How many lines at the end hold and were not yet in the head file.
    pub unproved: u64,
    /// Bytes at the end that a crash or a failure left unfinished. They were never acknowledged.
    pub unfinished: u64,
    /// The first line that does not hold.
    pub broken: Option<JournalError>,
    /// What contradicts the journal: its head file, an anchor, a missing segment.
    pub contradictions: Vec<String>,
    /// Every anchor that could be compared, with whether it fits.
    pub compared: Vec<(Anchor, bool)>,
}

/// One file of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    /// Which file.
    pub file: PathBuf,
    /// Its lines, from and to; `to` is below `from` if none holds.
    pub lines: (u64, u64),
    /// Bytes in it that are no part of the chain, because a write failed.
    pub outside: u64,
}

impl Report {
    /// Whether nothing speaks against the journal.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken.is_none() && self.contradictions.is_empty()
    }

    /// What is wrong, if anything: the first line that does not hold, else the first contradiction.
    ///
    /// # Errors
    /// That.
    pub fn sound(self) -> Result<Self, JournalError> {
        match (self.broken, self.contradictions.first()) {
            (Some(broken), _) => Err(broken),
            (None, Some(what)) => Err(JournalError::Damaged(what.clone())),
            (None, None) => Ok(Self { broken: None, ..self }),
        }
    }

    /// The last line that an anchor speaks for: nothing up to it was changed since. 0 if none does.
    #[must_use]
    pub fn anchored(&self) -> u64 {
        self.compared.iter().filter(|(_, fits)| *fits).map(|(anchor, _)| anchor.count).max().unwrap_or(0)
    }
}

/// Checks the journal at `path` against itself, its head file and the anchors; hands out every line that holds.
///
/// # Errors
/// [`JournalError::Io`] when it cannot be read. What is wrong with it stands in the report.
pub fn examine(
    disk: &dyn Disk,
    path: &Path,
    anchors: &[Anchor],
    each: &mut dyn FnMut(&[u8]),
) -> Result<Report, JournalError> {
    let places = Places::new(path);
    let mut report = Report::default();
    // The head before the lines: who appends meanwhile only adds lines beyond it.
    match Head::read(disk, &places) {
        Ok(head) => report.head = head,
        Err(JournalError::Damaged(what)) => report.contradictions.push(what),
        Err(error) => return Err(error),
    }
    let mut check = Check { disk, places, report, wanted: BTreeMap::new(), each };
    for anchor in anchors {
        check.wanted.entry(anchor.count).or_default().push(anchor.clone());
    }
    check.whole()?;
    Ok(check.report)
}

struct Check<'a> {
    disk: &'a dyn Disk,
    places: Places,
    report: Report,
    /// Anchors that were not reached yet, by their count.
    wanted: BTreeMap<u64, Vec<Anchor>>,
    each: &'a mut dyn FnMut(&[u8]),
}

impl Check<'_> {
    fn whole(&mut self) -> Result<(), JournalError> {
        let base = self.places.base().to_owned();
        if !self.disk.exists(&base).map_err(|error| io_error(&base, error))? {
            return self.missing(&base);
        }
        let last = last_segment(self.disk, &self.places)?;
        if let Some(head) = &self.report.head
            && head.segment > last
        {
            let gone = gone(head, &self.places).to_string();
            self.report.contradictions.push(gone);
        }
        for number in 1..=last {
            self.segment(number, last)?;
            if self.report.broken.is_some() {
                return Ok(());
            }
        }
        self.ends();
        Ok(())
    }

    fn missing(&mut self, base: &Path) -> Result<(), JournalError> {
        let head = self.report.head.as_ref().map(|head| (head.count, short(&self.places.head())));
        let anchor = self.wanted.values().flatten().last().map(|anchor| (anchor.count, anchor.place.clone()));
        let Some((count, says)) = head.into_iter().chain(anchor).max() else {
            return Err(io_error(base, std::io::ErrorKind::NotFound.into()));
        };
        let what = format!("{} is gone: {says} says that it had {count} lines", base.display());
        self.report.contradictions.push(what);
        Ok(())
    }

    /// Where the segment's lines end, by the first line of the next one.
    fn follower(&self, number: u32, last: u32) -> Result<Option<After>, JournalError> {
        if number == last {
            return Ok(None);
        }
        let next = self.places.segment(number + 1);
        let first = first_line(self.disk, &next).map_err(|error| io_error(&next, error))?;
        Ok(first.and_then(|first| After::named_by(number + 1, &first)))
    }

    /// Up to which byte of the segment every line must hold: what lies beyond was never acknowledged.
    fn acknowledged(&self, number: u32, limit: u64) -> u64 {
        match &self.report.head {
            Some(head) if head.segment == number => head.length,
            Some(head) if head.segment < number => 0,
            _ => limit,
        }
    }

    fn segment(&mut self, number: u32, last: u32) -> Result<(), JournalError> {
        let path = self.places.segment(number);
        let failed = |error| io_error(&path, error);
        let after = self.follower(number, last)?;
        let file = self.disk.open(&path, Open::Read).map_err(failed)?;
        let length = file.length().map_err(failed)?;
        let limit = after.as_ref().map_or(length, |after| after.length.min(length));
        let acknowledged = self.acknowledged(number, limit);
        let first = self.report.chain.count + 1;
        let mut lines = Lines::between(file, 0, limit);
        let mut outside = 0;
        loop {
            let at = lines.at();
            let what = match lines.next().map_err(failed)? {
                None => break,
                Some(Piece::Line(raw)) => match self.follow(number, at, raw) {
                    Ok(()) => {
                        self.ends_as_the_head_says(number, lines.at());
                        continue;
                    }
                    Err(error) => error,
                },
                Some(Piece::Rest) => self.broken("torn: no end of line"),
            };
            let unfinished = self.report.head.is_none() && number == last && torn(&what);
            if after.is_none() && (at >= acknowledged || unfinished) {
                outside = limit - at;
                self.report.unfinished += outside;
            } else {
                self.report.broken = Some(within(what, &path, number));
            }
            break;
        }
        self.report.segments.push(SegmentReport {
            file: path.clone(),
            lines: (first, self.report.chain.count),
            outside: outside + (length - limit),
        });
        if let Some(after) = after.filter(|_| self.report.broken.is_none()) {
            self.handed_over(number, &after, length)?;
        }
        Ok(())
    }

    /// Takes in one line; the first line of a later segment must say so.
    fn follow(&mut self, number: u32, at: u64, raw: &[u8]) -> Result<(), JournalError> {
        if number > 1 && at == 0 && After::named_by(number, raw).is_none() {
            return Err(self.broken("it does not say which segment it follows, or was changed"));
        }
        self.report.chain.follow(raw)?;
        (self.each)(raw);
        self.compare();
        Ok(())
    }

    /// The head and the anchors of the line that the chain has come to.
    fn compare(&mut self) {
        let Chain { count, hash } = &self.report.chain;
        if let Some(head) = &self.report.head {
            if head.count == *count && head.hash != *hash {
                let what = format!("line {count} is not the one that the head file names");
                self.report.contradictions.push(what);
            }
            if *count > head.count {
                self.report.unproved += 1;
            }
        }
        if self.wanted.first_key_value().is_none_or(|(next, _)| next > count) {
            return;
        }
        for anchor in self.wanted.remove(count).unwrap_or_default() {
            let fits = anchor.hash == *hash;
            if !fits {
                let what = format!("line {count} is not the one that {} was made of", anchor.name());
                self.report.contradictions.push(what);
            }
            self.report.compared.push((anchor, fits));
        }
    }

    /// The head names the place of its line too.
    fn ends_as_the_head_says(&mut self, number: u32, end: u64) {
        let Some(head) = &self.report.head else { return };
        if head.count == self.report.chain.count && (head.segment, head.length) != (number, end) {
            let what = format!("line {} does not end where the head file says", head.count);
            self.report.contradictions.push(what);
        }
    }

    /// The next segment must go on where this one ends, and leave out no more than one failed append.
    fn handed_over(&mut self, number: u32, after: &After, length: u64) -> Result<(), JournalError> {
        let (path, next) = (self.places.segment(number), short(&self.places.segment(number + 1)));
        if self.report.chain != after.chain() {
            let what =
                format!("{next} follows line {}, and {} does not end there", after.count, short(&path));
            self.report.broken = Some(self.broken(&what));
            return Ok(());
        }
        let failed = |error| io_error(&path, error);
        let file = self.disk.open(&path, Open::Read).map_err(failed)?;
        let mut rest = Lines::between(file, after.length.min(length), length);
        let mut chain = self.report.chain.clone();
        while let Some(Piece::Line(raw)) = rest.next().map_err(failed)? {
            if chain.follow(raw).is_err() {
                break;
            }
        }
        let left = chain.count - after.count;
        let acknowledged =
            self.report.head.as_ref().is_some_and(|head| head.segment == number && head.count > after.count);
        if left > LEFT_BY_ONE || acknowledged {
            let what = format!("{next} leaves out {left} lines that hold in {}", short(&path));
            self.report.contradictions.push(what);
        }
        Ok(())
    }

    /// What the head and the anchors say about lines that are not there.
    fn ends(&mut self) {
        let count = self.report.chain.count;
        if let Some(head) = self.report.head.as_ref().filter(|head| head.count > count) {
            let what =
                format!("the journal ends at line {count}; the head file says {}: it was cut", head.count);
            self.report.contradictions.push(what);
        }
        for anchor in std::mem::take(&mut self.wanted).into_values().flatten() {
            let what = format!(
                "the journal ends at line {count}; {} was made of line {}: it was cut, or replaced by an older copy",
                anchor.name(),
                anchor.count
            );
            self.report.contradictions.push(what);
            self.report.compared.push((anchor, false));
        }
    }

    fn broken(&self, what: &str) -> JournalError {
        JournalError::Broken { line: self.report.chain.count + 1, what: what.to_owned() }
    }
}

fn torn(error: &JournalError) -> bool {
    matches!(error, JournalError::Broken { what, .. } if what.starts_with("torn"))
}

/// Names the file, where that is not the first.
fn within(error: JournalError, path: &Path, number: u32) -> JournalError {
    match error {
        JournalError::Broken { line, what } if number > 1 => {
            JournalError::Broken { line, what: format!("{}: {what}", short(path)) }
        }
        other => other,
    }
}
