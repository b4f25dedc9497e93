//! Watching runs from another program: what a page asks of the server that it came from, and what that tells it.
//!
//! A page asks in JSON. It is told in one binary message each: the length of the JSON, the JSON, and beside it a large buffer, if
//! there is one ([`pack`]). Whoever has just come is told the newest state of a run in the same messages as its further course.

use serde::{Deserialize, Serialize};

use crate::config::Resolution;
use crate::history::History;
use crate::protocol::Progress;
use crate::session::Reply;

/// The `name` of the `meta` element by which a page knows that its server has runs to watch.
pub const INVITATION: &str = "whelp-watch";

/// Where the server tells of itself, beside the page: an [`About`].
pub const ABOUT_PATH: &str = "watch.json";

/// Where the server has its WebSocket, beside the page.
pub const SOCKET_PATH: &str = "watch";

/// The WebSocket's protocol. A page that has a token names the token as a second one, so that it is in no address.
pub const SOCKET_PROTOCOL: &str = "whelp-watch";

/// What a server with runs to watch tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The machine that it runs on.
    pub host: String,
}

/// From the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ask {
    /// Show a run, in place of the one before. Answered by `Run` and what there is to tell of it.
    Show {
        /// Its id in the list.
        run: String,
    },
    /// Have the run that is shown do something. Answered by an event of the run, or by a `Failed` reply.
    Have {
        /// What it is to do.
        wish: Wish,
    },
}

/// What a run can be asked for from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Save a checkpoint now.
    Save,
    /// Pause; everything stays in memory.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Save a checkpoint and end.
    Stop,
    /// Draw the samples now.
    Sample,
}

/// To the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// The runs that can be shown, the latest changed first. Told at the beginning and whenever something about them changes.
    Runs {
        /// The runs.
        runs: Vec<WatchedRun>,
    },
    /// From now on everything is about this run, and what was told before counts no more.
    Run {
        /// Its id in the list.
        id: String,
    },
    /// Every series of the run so far. Ticks after it go on from there.
    History {
        /// The series.
        history: History,
    },
    /// Whether a process trains the run at the moment. Without one the state that was told last stays.
    Live {
        /// Whether there is one.
        is_live: bool,
    },
    /// An event of the run, without the bytes of checkpoints, or why a wish was not carried out.
    Reply {
        /// The reply.
        reply: Box<Reply>,
    },
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedRun {
    /// Its folder's name, by which it is asked for.
    pub id: String,
    /// Its recipe.
    pub recipe: String,
    /// Width and height of its pictures.
    pub resolution: Resolution,
    /// How far it is.
    pub progress: Progress,
    /// What it is doing.
    pub state: RunState,
    /// When it last told something, in milliseconds since 1970.
    pub changed_ms: u64,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process trains it.
    Training,
    /// A process holds it, and pauses.
    Paused,
    /// It has come to its end, or was stopped.
    Ended,
    /// It has failed.
    Failed,
    /// It was training when its process ended.
    Interrupted,
}

/// A message to the page, with a large buffer beside its JSON.
pub fn pack(told: &Told, payload: &[u8]) -> Vec<u8> {
    let json = serde_json::to_vec(told).expect("plain structs always serialise");
    let length = u32::try_from(json.len()).expect("no message has four gigabytes of JSON");
    [&length.to_le_bytes()[..], &json, payload].concat()
}

/// What [`pack`] was given.
///
/// # Errors
/// What is wrong with the message, as a clause.
pub fn unpack(message: &[u8]) -> Result<(Told, &[u8]), String> {
    let (length, rest) = message.split_first_chunk::<4>().ok_or("a message without a length")?;
    let length = u32::from_le_bytes(*length) as usize;
    let (json, payload) = rest.split_at_checked(length).ok_or("a message that is cut off")?;
    // As text, by the same code that reads all other messages: in a page, code is what visitors wait for.
    let json = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let told = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok((told, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Grid;
    use crate::protocol::Event;

    #[test]
    fn a_message_survives_with_the_buffer_beside_it() {
        let grid = Grid { tile: 1.into(), columns: 2, count: 2, channels: 1, pixels: vec![] };
        let event = Event::Samples { step: 3, nimg: 12, seed: 0, grid, epoch: None, path: None };
        let told = Told::Reply { reply: Box::new(Reply::Event { event: Box::new(event) }) };
        let message = pack(&told, &[7, 9]);
        let (read, payload) = unpack(&message).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(told).unwrap());
        assert_eq!(payload, [7, 9]);
        for length in 0..message.len() - 2 {
            assert!(unpack(&message[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn asks_are_plain_json() {
        let json = serde_json::to_string(&Ask::Have { wish: Wish::Pause }).unwrap();
        assert_eq!(json, r#"{"type":"have","wish":"pause"}"#);
        assert_eq!(serde_json::from_str::<Ask>(&json).unwrap(), Ask::Have { wish: Wish::Pause });
        assert!(serde_json::from_str::<Ask>(r#"{"type":"have","wish":"delete"}"#).is_err());
    }
}
