//! What a session needs of the program that it runs in.

use crate::data::{Dataset, Preparation};
use crate::device::{DeviceError, OpenDevice};
use crate::storage::Storage;

use super::{DataSource, DeviceInfo, DevicePreference, Kept, Refusal, Reply, Request};

/// A request with what came beside it.
#[derive(Debug)]
pub struct Incoming<F> {
    /// The request.
    pub request: Request,
    /// A whole file, such as a checkpoint; empty if there was none.
    pub bytes: Vec<u8>,
    /// Files to read pictures from.
    pub files: F,
}

/// Pictures that were read.
#[derive(Debug)]
pub struct ReadPictures {
    /// The pictures.
    pub data: Dataset,
    /// Their key among the prepared pictures in storage; none if they come with the program.
    pub key: Option<String>,
}

/// The storage of runs. One session at a time writes to it.
#[derive(Debug)]
pub enum RunStorage<S> {
    /// This session does.
    Ours(S),
    /// Another one does, in another tab. This one reads.
    Theirs(S),
    /// There is none.
    Refused,
}

/// How far pictures have been read, and whether to read on.
pub trait Watch {
    /// Tells how many files of `total` are done, and how many of them can't be used.
    fn progress(&self, done: usize, total: usize, skipped: usize);

    /// Whether nobody wants these pictures any more.
    fn is_cancelled(&self) -> bool;
}

/// What a session needs of the program that it runs in. All of it happens on one thread.
pub trait Transport: 'static {
    /// Files that come beside a request: `File` objects in the page. They may be read twice.
    type Files: Clone + 'static;

    /// Where runs are kept.
    type Storage: Storage + 'static;

    /// Sends a reply. `payload` goes beside its JSON.
    fn post(&self, reply: &Reply, payload: Option<Vec<u8>>);

    /// Runs a task beside the requests. It is polled until it is done, even if nobody waits for it.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Opens a device and tests it.
    ///
    /// # Errors
    /// Why the graphics device is not used.
    fn open_device(
        &self,
        preference: DevicePreference,
    ) -> impl Future<Output = Result<(OpenDevice, DeviceInfo), Refusal>>;

    /// Reads and prepares pictures. It yields now and then, and gives up with `None` soon after `watch` is cancelled.
    ///
    /// # Errors
    /// Why there are no pictures, in a sentence for the user.
    fn read_pictures(
        &self,
        source: DataSource,
        files: Self::Files,
        preparation: Preparation,
        watch: &impl Watch,
    ) -> impl Future<Output = Result<Option<ReadPictures>, String>>;

    /// Where runs are kept, and whether this session may write there. The answer may change when another session ends.
    fn runs(&self) -> impl Future<Output = RunStorage<Self::Storage>>;

    /// What is in the storage of prepared pictures.
    fn kept(&self) -> impl Future<Output = Kept>;

    /// Empties the storage of prepared pictures.
    fn clear_kept(&self) -> impl Future<Output = ()>;

    /// Reads a file that comes with the program, by its name. `progress` is told how many bytes are there, now and then.
    ///
    /// # Errors
    /// Why it can't be read.
    fn fetch(&self, name: &str, progress: &dyn Fn(u64)) -> impl Future<Output = Result<Vec<u8>, String>>;

    /// The first error that the graphics stack has only logged since the last call, if any.
    ///
    /// A shader that fails validation leaves stale numbers and an error in the log, nothing more
    /// (tracel-ai/cubecl#1641), so a logged error ends a run.
    fn take_fault(&self) -> Option<DeviceError>;
}
