//! The sentence under the pictures: what is happening and what to expect.

use whelp::protocol::FinishReason;

use super::store::{Device, Intent, Phase};

/// What the sentence depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    pub device: Device,
    pub phase: Phase,
    pub intent: Intent,
    /// Name of the pictures being read.
    pub loading: Option<String>,
    /// Name of the pictures that are ready.
    pub data: Option<String>,
    /// Name of an opened checkpoint.
    pub opened: Option<String>,
    pub outlook: Outlook,
    /// Images seen, with three digits.
    pub seen: String,
    /// Whether there is a checkpoint to continue from.
    pub can_continue: bool,
    /// How much is there of the weights that are being fetched, in words.
    pub fetched: Option<String>,
    /// How the run goes, in a sentence, if that is known.
    pub health: Option<String>,
    /// How many of the pictures have been judged, in words, while that is done.
    pub judged: Option<String>,
}

/// What pictures usually look like after so many images. A rule of thumb, not a measurement of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    BeforeFirstTick,
    Noise,
    Colours,
    Shapes,
    Details,
    /// The networks could draw before this training.
    Adapting,
}

impl Outlook {
    /// `is_warm`: whether the training began with trained networks.
    pub fn after(nimg: u64, is_warm: bool) -> Self {
        match nimg {
            0 => Outlook::BeforeFirstTick,
            1..200_000 if is_warm => Outlook::Adapting,
            1..5_000 => Outlook::Noise,
            5_000..30_000 => Outlook::Colours,
            30_000..200_000 => Outlook::Shapes,
            _ => Outlook::Details,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Outlook::BeforeFirstTick => "The first step takes longest because the device compiles its programs.",
            Outlook::Noise => {
                "Pictures start as noise. Colours and blobs usually appear after a few thousand pictures."
            }
            Outlook::Colours => "Rough shapes usually appear after tens of thousands of pictures.",
            Outlook::Shapes => "Shapes usually get sharper over hundreds of thousands of pictures.",
            Outlook::Adapting => {
                "Pictures begin as the networks drew them before. They usually become like yours over tens of thousands of \
                 pictures."
            }
            Outlook::Details => "Details improve slowly now. Download a checkpoint when you like what you see.",
        }
    }
}

/// The sentence.
pub fn sentence(situation: &Situation) -> String {
    let Situation {
        device,
        phase,
        intent,
        loading,
        data,
        opened,
        outlook,
        seen,
        can_continue,
        fetched,
        judged,
        health,
    } = situation;
    let ill = health.as_ref().map_or_else(String::new, |health| format!(" {health}"));
    match phase {
        Phase::Starting => match (fetched, judged) {
            (Some(fetched), _) => {
                format!("Training starts as soon as the network that judges pictures is here: {fetched}.")
            }
            (None, Some(judged)) => format!("Choosing the most typical pictures. {judged} have been looked at."),
            (None, None) => "Setting up the networks…".to_owned(),
        },
        Phase::Training => format!("Training. {}", health.as_deref().unwrap_or(outlook.sentence())),
        Phase::Pausing => "Pausing after this step…".to_owned(),
        Phase::Paused => format!("Paused. Nothing is computed, and nothing is lost.{ill}"),
        Phase::Resuming => "Resuming…".to_owned(),
        Phase::Stopping => "Stopping. Saving a last checkpoint…".to_owned(),
        Phase::Idle | Phase::Finished(_) | Phase::Broken if *intent != Intent::Nothing => {
            waiting(device, loading.as_deref())
        }
        Phase::Finished(FinishReason::Completed) => {
            format!("Finished after {seen} pictures. Download the checkpoint, or continue training.{ill}")
        }
        Phase::Finished(FinishReason::Stopped) => {
            format!("Stopped after {seen} pictures. Download the checkpoint, continue, or start over.{ill}")
        }
        Phase::Finished(FinishReason::Stalled) => {
            format!(
                "Ended after {seen} pictures, because the scores got no better. Download the checkpoint, or continue."
            )
        }
        Phase::Broken if *can_continue => "Training failed. Everything up to the last checkpoint is saved.".to_owned(),
        Phase::Broken => "Training failed before its first checkpoint.".to_owned(),
        Phase::Idle => idle(device, loading.as_deref(), data.as_deref(), opened.as_deref()),
    }
}

fn waiting(device: &Device, loading: Option<&str>) -> String {
    match (device, loading) {
        (Device::Looking, _) => "Training starts as soon as a device is ready.".to_owned(),
        (_, Some(name)) => format!("Training starts as soon as {name} is read."),
        (Device::Measuring(_), None) => "Training starts as soon as your device has been measured.".to_owned(),
        (_, None) => "Getting ready…".to_owned(),
    }
}

fn idle(device: &Device, loading: Option<&str>, data: Option<&str>, opened: Option<&str>) -> String {
    match (device, opened, loading, data) {
        (Device::Looking, ..) => "Looking for a graphics device…".to_owned(),
        (Device::None, ..) => "There is no device to train on.".to_owned(),
        (_, Some(name), ..) => format!("{name} is open. Generate more pictures with it, or continue training."),
        (_, _, Some(name), _) => format!("Reading {name}…"),
        (Device::Measuring(_), ..) => {
            "Measuring how large a network your device trains well. This takes a few seconds…".to_owned()
        }
        (_, _, _, Some(name)) => format!("Ready to train on {name}."),
        (Device::Ready(_), None, None, None) => "Ready.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whelp::session::DeviceInfo;

    fn device() -> DeviceInfo {
        DeviceInfo { name: "X".into(), backend: "WebGPU".into(), is_slow: false, reason: None }
    }

    fn situation() -> Situation {
        Situation {
            device: Device::Ready(device()),
            phase: Phase::Idle,
            intent: Intent::Nothing,
            loading: None,
            data: Some("the built-in dogs".to_owned()),
            opened: None,
            outlook: Outlook::after(0, false),
            seen: "12.4 k".to_owned(),
            can_continue: false,
            fetched: None,
            judged: None,
            health: None,
        }
    }

    #[test]
    fn a_start_that_waits_for_weights_says_so() {
        let starting = Situation { phase: Phase::Starting, ..situation() };
        assert_eq!(sentence(&starting), "Setting up the networks…");
        let fetching = Situation { fetched: Some("0.4 of 1.4 MB".to_owned()), ..starting };
        assert_eq!(
            sentence(&fetching),
            "Training starts as soon as the network that judges pictures is here: 0.4 of 1.4 MB."
        );
        let judging = Situation { fetched: None, judged: Some("1,200 of 5,000".to_owned()), ..fetching };
        assert_eq!(sentence(&judging), "Choosing the most typical pictures. 1,200 of 5,000 have been looked at.");
    }

    #[test]
    fn an_idle_page_says_what_train_would_do() {
        assert_eq!(sentence(&situation()), "Ready to train on the built-in dogs.");
        let looking = Situation { device: Device::Looking, ..situation() };
        assert_eq!(sentence(&looking), "Looking for a graphics device…");
    }

    #[test]
    fn a_run_is_told_how_it_goes_as_soon_as_that_is_known() {
        let training = Situation { phase: Phase::Training, outlook: Outlook::after(20_000, false), ..situation() };
        assert!(sentence(&training).starts_with("Training. Rough shapes"));
        let healthy = Situation { health: Some("Healthy.".to_owned()), ..training };
        assert_eq!(sentence(&healthy), "Training. Healthy.");
    }

    #[test]
    fn a_queued_start_names_what_it_waits_for() {
        let queued = Situation { intent: Intent::Train, loading: Some("cats.zip".to_owned()), ..situation() };
        assert_eq!(sentence(&queued), "Training starts as soon as cats.zip is read.");
    }

    #[test]
    fn a_device_that_is_being_measured_is_said_to_be() {
        let measuring = Situation { device: Device::Measuring(device()), ..situation() };
        assert!(sentence(&measuring).starts_with("Measuring how large a network"));
        let queued = Situation { intent: Intent::Train, ..measuring.clone() };
        assert_eq!(sentence(&queued), "Training starts as soon as your device has been measured.");
        let opened = Situation { opened: Some("a.safetensors".to_owned()), ..measuring };
        assert!(sentence(&opened).starts_with("a.safetensors is open."));
    }

    #[test]
    fn a_failure_tells_whether_anything_is_saved() {
        let broken = Situation { phase: Phase::Broken, ..situation() };
        assert!(sentence(&broken).contains("before its first checkpoint"));
        assert!(sentence(&Situation { can_continue: true, ..broken }).contains("the last checkpoint is saved"));
    }

    #[test]
    fn the_end_tells_how_much_was_seen() {
        let finished = Situation { phase: Phase::Finished(FinishReason::Completed), ..situation() };
        assert!(sentence(&finished).starts_with("Finished after 12.4 k pictures."));
    }
}
