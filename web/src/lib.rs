//! What the page (`bin/page.rs`) and its worker (`bin/trainer.rs`) share: the messages between them, nothing else.

pub mod messages;
