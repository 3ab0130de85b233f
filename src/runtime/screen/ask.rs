//! A screen before there is a world to look at: it takes keys until one of them is an answer.

use std::io;

use ratatui::Frame;

use super::signals::{Asked, Signals};
use super::{Canvas, Exit};
use crate::app::key::{Key, Pace};
use crate::runtime::input::{self, Input, Keys};
use crate::runtime::terminal::Guard;

/// How it ended.
#[derive(Debug)]
pub enum Answer<W> {
    /// With an answer; the keyboard goes on with whoever comes next.
    Wish(W, Keys),
    /// Without one.
    Left(Exit),
}

/// Everything that can happen.
enum Next<N> {
    Input(Option<Input>),
    Asked(Asked),
    News(N),
}

/// Shows `state` until a key is an answer. `news` comes in once, whenever it is ready.
///
/// # Errors
/// When the terminal cannot be taken or written to.
pub async fn ask<S, N, W>(
    state: &mut S,
    news: impl Future<Output = N>,
    learn: impl Fn(&mut S, N),
    press: impl Fn(&mut S, Key) -> Option<W>,
    draw: impl Fn(&S, &mut Frame<'_>),
) -> io::Result<Answer<W>> {
    let mut signals = Signals::new()?;
    let guard = Guard::take()?;
    let mut canvas = Canvas::new()?;
    canvas.fit()?;
    let mut keys = input::start()?;
    tokio::pin!(news);
    let mut learnt = false;
    loop {
        canvas.draw(|frame| draw(state, frame))?;
        let next = tokio::select! {
            biased;
            input = keys.inbox.recv() => Next::Input(input),
            asked = signals.next() => Next::Asked(asked),
            news = &mut news, if !learnt => Next::News(news),
        };
        match next {
            Next::Input(None | Some(Input::Gone)) => return Ok(Answer::Left(Exit::Gone)),
            // Keys of a flood answer nothing: they were typed for somebody else.
            Next::Input(Some(Input::Key(stroke))) if stroke.pace == Pace::Single => {
                if let Some(wish) = press(state, stroke.key) {
                    drop(guard);
                    return Ok(Answer::Wish(wish, keys));
                }
            }
            Next::Input(Some(Input::Key(_) | Input::Paste(_) | Input::Mouse(_) | Input::Reply(_))) => {}
            Next::Asked(Asked::End(number)) => return Ok(Answer::Left(Exit::Signal(number))),
            Next::Asked(Asked::Stop) => {
                guard.lend();
                rustix::process::kill_current_process_group(rustix::process::Signal::TTOU)?;
                guard.resume()?;
                canvas.fit()?;
            }
            Next::Asked(Asked::GoOn | Asked::Resized) => {
                guard.resume()?;
                canvas.fit()?;
            }
            Next::News(news) => {
                learnt = true;
                learn(state, news);
            }
        }
    }
}
