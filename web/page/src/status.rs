//! The one sentence under the pictures: where things stand, and what to expect. It states what is known, it guesses
//! nothing about the networks' health.

use whelp::protocol::FinishReason;

use super::store::{Device, Intent, Phase};

/// What the sentence is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    pub device: Device,
    pub phase: Phase,
    pub intent: Intent,
    /// Name of the pictures being read.
    pub loading: Option<String>,
    /// Name of the pictures at hand.
    pub data: Option<String>,
    /// Name of an opened checkpoint.
    pub opened: Option<String>,
    pub outlook: Outlook,
    /// Images seen, in the three digits that are shown.
    pub seen: String,
    /// Whether there is a checkpoint to go on from.
    pub can_go_on: bool,
}

/// What pictures usually look like after so many images: said as a rule of thumb, not of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    BeforeFirstTick,
    Noise,
    Colours,
    Shapes,
    Details,
}

impl Outlook {
    pub fn after(nimg: u64) -> Self {
        match nimg {
            0 => Outlook::BeforeFirstTick,
            1..5_000 => Outlook::Noise,
            5_000..30_000 => Outlook::Colours,
            30_000..200_000 => Outlook::Shapes,
            _ => Outlook::Details,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Outlook::BeforeFirstTick => "The first step takes longest: the device is getting its programs ready.",
            Outlook::Noise => "Pictures begin as noise; colours and blobs usually come after a few thousand pictures.",
            Outlook::Colours => "Rough shapes usually appear after some ten thousand pictures.",
            Outlook::Shapes => "Shapes usually sharpen for some hundred thousand pictures.",
            Outlook::Details => "Details come slowly now. Download a checkpoint whenever you like what you see.",
        }
    }
}

/// The sentence.
pub fn sentence(situation: &Situation) -> String {
    let Situation { device, phase, intent, loading, data, opened, outlook, seen, can_go_on } = situation;
    match phase {
        Phase::Starting => "Setting up the networks…".to_owned(),
        Phase::Training => format!("Training. {}", outlook.sentence()),
        Phase::Pausing => "Pausing after this step…".to_owned(),
        Phase::Paused => "Paused. Nothing is being computed; everything is kept.".to_owned(),
        Phase::Resuming => "Going on…".to_owned(),
        Phase::Stopping => "Stopping: a last checkpoint is being made…".to_owned(),
        Phase::Idle | Phase::Finished(_) | Phase::Broken if *intent != Intent::Nothing => {
            waiting(device, loading.as_deref())
        }
        Phase::Finished(FinishReason::Completed) => {
            format!("Finished after {seen} pictures. Download the checkpoint, or go on training.")
        }
        Phase::Finished(FinishReason::Stopped) => {
            format!("Stopped after {seen} pictures. Download the checkpoint, go on, or start over.")
        }
        Phase::Broken if *can_go_on => {
            "Training ended by a fault. Up to the last checkpoint everything is kept.".to_owned()
        }
        Phase::Broken => "Training ended by a fault before its first checkpoint.".to_owned(),
        Phase::Idle => idle(device, loading.as_deref(), data.as_deref(), opened.as_deref()),
    }
}

fn waiting(device: &Device, loading: Option<&str>) -> String {
    match (device, loading) {
        (Device::Looking, _) => "Training starts as soon as a device is found.".to_owned(),
        (_, Some(name)) => format!("Training starts as soon as {name} is read."),
        (Device::Measuring(_), None) => "Training starts as soon as your device has been tried out.".to_owned(),
        (_, None) => "Getting ready…".to_owned(),
    }
}

fn idle(device: &Device, loading: Option<&str>, data: Option<&str>, opened: Option<&str>) -> String {
    match (device, opened, loading, data) {
        (Device::Looking, ..) => "Looking for a graphics device…".to_owned(),
        (Device::None, ..) => "There is no device to train on yet.".to_owned(),
        (_, Some(name), ..) => format!("{name} is open. Generate more pictures from it, or go on training."),
        (_, _, Some(name), _) => format!("Reading {name}…"),
        (Device::Measuring(_), ..) => {
            "Trying out how large a network your device trains well. This takes some seconds…".to_owned()
        }
        (_, _, _, Some(name)) => format!("Ready to train on {name}."),
        (Device::Ready(_), None, None, None) => "Ready.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whelp_messages::DeviceInfo;

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
            outlook: Outlook::after(0),
            seen: "12.4 k".to_owned(),
            can_go_on: false,
        }
    }

    #[test]
    fn an_idle_page_says_what_train_would_do() {
        assert_eq!(sentence(&situation()), "Ready to train on the built-in dogs.");
        let looking = Situation { device: Device::Looking, ..situation() };
        assert_eq!(sentence(&looking), "Looking for a graphics device…");
    }

    #[test]
    fn a_queued_start_names_what_it_waits_for() {
        let queued = Situation { intent: Intent::Train, loading: Some("cats.zip".to_owned()), ..situation() };
        assert_eq!(sentence(&queued), "Training starts as soon as cats.zip is read.");
    }

    #[test]
    fn a_device_that_is_being_tried_out_is_said_to_be() {
        let measuring = Situation { device: Device::Measuring(device()), ..situation() };
        assert!(sentence(&measuring).starts_with("Trying out how large a network"));
        let queued = Situation { intent: Intent::Train, ..measuring.clone() };
        assert_eq!(sentence(&queued), "Training starts as soon as your device has been tried out.");
        let opened = Situation { opened: Some("a.safetensors".to_owned()), ..measuring };
        assert!(sentence(&opened).starts_with("a.safetensors is open."));
    }

    #[test]
    fn a_fault_tells_whether_anything_is_kept() {
        let broken = Situation { phase: Phase::Broken, ..situation() };
        assert!(sentence(&broken).contains("before its first checkpoint"));
        assert!(sentence(&Situation { can_go_on: true, ..broken }).contains("everything is kept"));
    }

    #[test]
    fn the_end_tells_how_much_was_seen() {
        let finished = Situation { phase: Phase::Finished(FinishReason::Completed), ..situation() };
        assert!(sentence(&finished).starts_with("Finished after 12.4 k pictures."));
    }
}
