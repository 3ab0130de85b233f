//! A file that is looked at once a second, and read when it has changed. Looked at rather than watched: that is right
//! on every file system, and when a file is replaced by another.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Bytes that are read at most.
const MOST: u64 = 1024 * 1024;

/// Starts looking. Every change sends what the file holds now, or why it cannot be read. Ends with the receiver.
pub(super) fn start(path: PathBuf) -> mpsc::Receiver<Result<String, String>> {
    let (out, changes) = mpsc::channel(1);
    // From now on, not from when the task gets its turn.
    let mut known = std::fs::metadata(&path).ok().and_then(|about| mark_of(&about));
    tokio::spawn(async move {
        while !out.is_closed() {
            tokio::time::sleep(EVERY).await;
            let now = mark(&path).await;
            if now != known {
                known = now;
                if out.send(read(&path, known).await).await.is_err() {
                    return;
                }
            }
        }
    });
    changes
}

/// What changes with a file: when it was written, how long it is.
type Mark = Option<(SystemTime, u64)>;

async fn mark(path: &std::path::Path) -> Mark {
    mark_of(&tokio::fs::metadata(path).await.ok()?)
}

fn mark_of(about: &std::fs::Metadata) -> Mark {
    Some((about.modified().ok()?, about.len()))
}

async fn read(path: &std::path::Path, mark: Mark) -> Result<String, String> {
    if mark.is_some_and(|(_, length)| length > MOST) {
        return Err(format!("it is longer than {MOST} bytes"));
    }
    tokio::fs::read_to_string(path).await.map_err(|error| error.to_string())
}
