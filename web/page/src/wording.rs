//! What went wrong, in the page's words: what happened, and what to do on this page. The library tells only what happened.

use whelp::config::RunConfig;
use whelp::protocol::FailureKind;
use whelp::session::{About, Problem, Refusal};

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

/// A sentence or two about a run that failed, with advice where that is wanted.
pub fn of_failure(kind: FailureKind, message: &str, is_advised: bool) -> String {
    let advice = match kind {
        _ if !is_advised && kind != FailureKind::DeviceLost => "",
        FailureKind::Input | FailureKind::Bug => "",
        FailureKind::Pictures => "Choose the pictures once more.",
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

/// Why all of a graphics device is not used that gave up before it trained, whatever was asked of it.
pub fn refusal(kind: FailureKind) -> Refusal {
    let reason = format!("{} before anything was saved, however little it was asked for.", gave_up(kind));
    Refusal { reason, is_absent: false }
}

/// That the device gave up while it was measured.
pub fn of_unmeasured(kind: FailureKind) -> String {
    format!("{} while larger networks were tried, so the smallest are suggested.", gave_up(kind))
}

/// That training begins again with settings that ask less.
pub fn of_less_work(kind: FailureKind, before: &RunConfig, after: &RunConfig) -> String {
    format!("{} before anything was saved, so training begins again with {}.", gave_up(kind), less(before, after))
}

/// The same of a start whose batch is not known before it has begun.
pub fn of_halved_batch(kind: FailureKind) -> String {
    format!("{} before anything was saved, so training begins again with half as many pictures a step.", gave_up(kind))
}

/// That training would go on with smaller batches.
pub fn of_next_batch(before: &RunConfig, after: &RunConfig) -> String {
    format!("It continues with {}, which ask less of the device.", less(before, after))
}

fn gave_up(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::OutOfMemory => "The graphics device ran out of memory",
        _ => "The graphics device was lost",
    }
}

/// What is smaller.
fn less(before: &RunConfig, after: &RunConfig) -> String {
    let changes = [
        ("networks of width", before.model.generator_width, after.model.generator_width),
        ("batches of", before.train.batch, after.train.batch),
    ];
    let changed = changes.iter().filter(|(_, before, after)| before != after);
    let words: Vec<String> =
        changed.map(|(what, before, after)| format!("{what} {after} in place of {before}")).collect();
    words.join(" and ")
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
    fn settings_that_ask_less_are_named() {
        let before = RunConfig::default();
        let mut after = before.clone();
        (after.model.generator_width, after.train.batch) = (32, 16);
        assert_eq!(
            of_less_work(FailureKind::DeviceLost, &before, &after),
            "The graphics device was lost before anything was saved, so training begins again with networks of width 32 in place of \
             64 and batches of 16 in place of 128."
        );
        assert_eq!(
            of_halved_batch(FailureKind::OutOfMemory),
            "The graphics device ran out of memory before anything was saved, so training begins again with half as many pictures \
             a step."
        );
        after.model.generator_width = 64;
        assert_eq!(
            of_next_batch(&before, &after),
            "It continues with batches of 16 in place of 128, which ask less of the device."
        );
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
            FailureKind::Pictures,
            FailureKind::Device,
            FailureKind::DeviceLost,
            FailureKind::OutOfMemory,
            FailureKind::Diverged,
            FailureKind::Bug,
        ];
        for text in told.chain(kinds.map(|kind| of_failure(kind, "the device failed", true))) {
            assert!(text.ends_with('.') && !text.contains("..") && !text.contains("--"), "{text}");
            assert!(text.starts_with(char::is_uppercase), "{text}");
        }
    }
}
