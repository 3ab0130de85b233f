//! A program that is handed a document and answers with one.
//!
//! As every other program, but that it gets an input, that what it prints beyond its bound is read and thrown away (a
//! program that is carrying something out must not be stopped by a full pipe), and that at its deadline it is asked to
//! end before it is ended. Knows nothing of what is said.

use std::process::Stdio;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::time::timeout;

use super::{COMPLAINTS, Call, Failed, Living, Said, ask_to_end, started};

/// How long the pipes of a program that has ended are still read: what it left running may hold them for ever.
const LINGER: Duration = Duration::from_secs(1);

/// Runs a program to its end, with `input` on its standard input, which is closed then. At its deadline it is asked to
/// end and has `parting` for it.
///
/// # Errors
/// [`Failed`]; the program and whatever it started are ended then. An answer that is longer than it may be is returned
/// with one byte too many: how the program ended is worth knowing all the same.
pub(in super::super) async fn converse(
    call: Call<'_>,
    input: &[u8],
    parting: Duration,
) -> Result<Said, Failed> {
    let mut child = started(&call, Stdio::piped())?;
    // Dropped before `child` is, so that the number still belongs to it.
    let living = child.id().map(Living::note);
    let deadline = call.deadline;
    let group = child.id();
    let spoken = {
        let talk = talk(&mut child, input, call.most);
        tokio::pin!(talk);
        match timeout(deadline, &mut talk).await {
            Ok(spoken) => spoken,
            Err(_) => {
                group.into_iter().for_each(ask_to_end);
                // Whatever it says now, its time is over.
                drop(timeout(parting, &mut talk).await);
                Err(Failed::TooLong)
            }
        }
    }?;
    if let Some(living) = living {
        living.ended();
    }
    Ok(spoken)
}

async fn talk(child: &mut Child, input: &[u8], most: usize) -> Result<Said, Failed> {
    let mut out = Zeroizing::new(Vec::new());
    let mut complaints = Zeroizing::new(Vec::new());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let status = {
        let pipes = async {
            tokio::join!(
                hand(stdin, input),
                keep(stdout, most, End::First, &mut out),
                keep(stderr, COMPLAINTS, End::Last, &mut complaints)
            )
        };
        tokio::pin!(pipes);
        let ended = tokio::select! {
            ((), read, complained) = &mut pipes => {
                read.and(complained).map_err(Failed::Lost)?;
                None
            }
            status = child.wait() => Some(status),
        };
        match ended {
            None => child.wait().await,
            Some(status) => {
                if let Ok(((), read, complained)) = timeout(LINGER, &mut pipes).await {
                    read.and(complained).map_err(Failed::Lost)?;
                }
                status
            }
        }
    };
    let status = status.map_err(Failed::Lost)?;
    let complaints = String::from_utf8_lossy(&complaints).into_owned();
    Ok(Said { status, out, complaints })
}

/// Hands the document over. A program that does not read it to its end is free to do so.
async fn hand(pipe: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = pipe
        && let Err(error) = pipe.write_all(input).await
    {
        tracing::debug!(%error, "a program did not read what it was handed");
    }
}

/// Which end of what is too long is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Reads a pipe to its end and keeps up to one byte more than `most` of it.
async fn keep(
    pipe: Option<impl AsyncRead + Unpin>,
    most: usize,
    end: End,
    kept: &mut Vec<u8>,
) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let bound = most.saturating_add(1);
    let mut part = Zeroizing::new([0_u8; 8 * 1024]);
    loop {
        let count = pipe.read(part.as_mut()).await?;
        if count == 0 {
            return Ok(());
        }
        let room = match end {
            End::First => bound.saturating_sub(kept.len()),
            End::Last => count,
        };
        kept.extend(part.iter().take(count.min(room)));
        let over = kept.len().saturating_sub(bound);
        kept.drain(..over);
    }
}
