//! What went wrong, in the page's words: what happened, and what to do on this page. The library tells only what happened.

use whelp::protocol::FailureKind;
use whelp::session::{About, Problem};

/// A sentence or two about a request that could not be carried out.
pub fn of_problem(about: About, problem: &Problem) -> String {
    match problem {
        Problem::NoDevice => "The device isn't ready yet. Try again in a moment.".to_owned(),
        Problem::NoPictures => "The pictures aren't ready yet. Wait until they are read, or drop some.".to_owned(),
        Problem::NoCheckpoint => "No checkpoint is open to continue from. Open one first.".to_owned(),
        Problem::NoNetwork => "There is nothing to draw with yet. Train, or open a checkpoint.".to_owned(),
        Problem::NoRun => "No training is running.".to_owned(),
        Problem::RunUnderWay => "A training is already running. Stop it first.".to_owned(),
        // The notice that this becomes says what is kept, and has the buttons.
        Problem::Failed { message, .. } if about == About::Session => {
            format!("The trainer crashed ({}).", message.trim_end_matches('.'))
        }
        Problem::Failed { message, .. } if about == About::Device => {
            sentence(&format!("the graphics device is not used: {message}"))
        }
        Problem::Failed { message, .. } => sentence(message),
    }
}

/// A sentence or two about a run that failed.
pub fn of_failure(kind: FailureKind, message: &str) -> String {
    let advice = match kind {
        FailureKind::Input | FailureKind::Bug => "",
        FailureKind::Device => "If it happens again, lower the batch size, or start over with smaller networks.",
        FailureKind::DeviceLost => {
            return "The graphics device was lost. Its driver was reset, the computer slept, or another program took its \
                    memory."
                .to_owned();
        }
        FailureKind::OutOfMemory => "Lower the batch size, or start over with smaller networks.",
        FailureKind::Diverged => "Lower learning rates usually help.",
    };
    [sentence(message).as_str(), advice].join(" ").trim_end().to_owned()
}

/// A clause with a capital and a full stop. What begins with a name, such as `cut.safetensors`, `train.batch` or `my-dogs:`,
/// keeps its letters.
fn sentence(clause: &str) -> String {
    let clause = clause.trim_end_matches('.');
    let begins_with_word = clause.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic));
    let mut letters = clause.chars();
    match letters.next() {
        Some(first) if begins_with_word => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        Some(_) => format!("{clause}."),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_letters() {
        assert_eq!(sentence("this is no picture"), "This is no picture.");
        for named in
            ["cut.safetensors was not opened", "train.batch is 0", "loss/g is NaN at step 1", "my-dogs: no pictures"]
        {
            assert_eq!(sentence(named), format!("{named}."));
        }
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn whatever_fails_is_told_in_whole_sentences_without_the_terminals_words() {
        let failed = |message: &str| Problem::Failed { failure: FailureKind::Input, message: message.to_owned() };
        let problems = [
            Problem::NoDevice,
            Problem::NoPictures,
            Problem::NoCheckpoint,
            Problem::NoNetwork,
            Problem::NoRun,
            Problem::RunUnderWay,
            failed("the pictures are missing"),
            failed("The pictures are missing."),
        ];
        let abouts = [About::Device, About::Data, About::Checkpoint, About::KeptRuns, About::Run, About::Session];
        let told = problems.iter().flat_map(|problem| abouts.map(|about| of_problem(about, problem)));
        let kinds = [
            FailureKind::Input,
            FailureKind::Device,
            FailureKind::DeviceLost,
            FailureKind::OutOfMemory,
            FailureKind::Diverged,
            FailureKind::Bug,
        ];
        for text in told.chain(kinds.map(|kind| of_failure(kind, "the device failed"))) {
            assert!(text.ends_with('.') && !text.contains("..") && !text.contains("--"), "{text}");
            assert!(text.starts_with(char::is_uppercase), "{text}");
        }
    }
}
