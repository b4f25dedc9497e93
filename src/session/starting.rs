//! A start that waits: for weights, or until it is known how typical the pictures are. Meanwhile it can be ended.

use async_channel::Sender;
use futures_lite::future;
use std::rc::Rc;

use super::serve::Session;
use super::transport::Transport;
use super::{About, Problem, Reply, StartFrom};
use crate::config::RunConfig;
use crate::protocol::Command;

/// A start under way.
#[derive(Debug)]
pub struct Starting {
    /// Ends it.
    end: Sender<()>,
    /// What the run is to be told once it is there.
    early: Vec<Command>,
}

impl Starting {
    /// Takes a command for a run that is not there yet.
    pub fn command(&mut self, command: Command) {
        match command {
            // It is full if that has been said already.
            Command::Stop => drop(self.end.try_send(())),
            command => self.early.push(command),
        }
    }
}

impl<T: Transport> Session<T> {
    /// Starts a run: at once where nothing has to be waited for, else beside the requests that follow.
    pub(super) async fn begin(self: &Rc<Self>, config: RunConfig, from: StartFrom) {
        if self.is_under_way() {
            return self.fail(About::Run, Problem::RunUnderWay);
        }
        let (end, ended) = async_channel::bounded(1);
        *self.starting.borrow_mut() = Some(Starting { end, early: Vec::new() });
        let session = self.clone();
        let mut start = Box::pin(async move {
            let started = async { Some(session.start(config, from).await) };
            let cancelled = async {
                // Fails only once nobody can end it, which is when it has started.
                let _ = ended.recv().await;
                None
            };
            // First whether it was ended: that may be known just when there is nothing to wait for any more. The run is made in one go,
            // at the end, so a start that is dropped where it waits leaves none behind.
            let outcome = future::or(cancelled, started).await;
            session.has_begun(outcome);
        });
        if future::poll_once(&mut start).await.is_none() {
            self.transport.spawn(start);
        }
    }

    /// `outcome`: none if it was ended before there was a run.
    fn has_begun(&self, outcome: Option<Result<(), Problem>>) {
        let early = self.starting.take().map(|starting| starting.early).unwrap_or_default();
        match outcome {
            Some(Ok(())) if self.has_run() => early.into_iter().for_each(|command| self.command(command)),
            // The device's fault has been told.
            Some(Ok(())) => *self.current_run.borrow_mut() = None,
            Some(Err(problem)) => {
                *self.current_run.borrow_mut() = None;
                self.fail(About::Run, problem);
            }
            None => {
                *self.current_run.borrow_mut() = None;
                self.post(Reply::StartEnded);
            }
        }
    }

    /// Whether there is a run, or one is being started.
    pub(super) fn is_under_way(&self) -> bool {
        self.has_run() || self.starting.borrow().is_some()
    }
}
