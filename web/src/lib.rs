//! What the page (`bin/page.rs`) and its worker (`bin/trainer.rs`) share: the messages between them, and how a module starts.

pub mod constructors;
pub mod messages;
