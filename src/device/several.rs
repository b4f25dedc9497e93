//! Lists of devices, which share each batch.

use super::{DeviceChoice, DeviceError, OpenDevice, open_one};

/// What each device of a list is called. An adapter's name may have commas in it, so one begins a new device only before a word that
/// does.
pub(super) fn names(text: &str) -> Vec<String> {
    const KINDS: [&str; 6] = ["auto", "cpu", "wgpu", "vulkan", "cuda", "remote"];
    let mut names: Vec<String> = Vec::new();
    for part in text.split(',') {
        let name = part.trim();
        let begins = name.is_empty() || KINDS.contains(&name.split(':').next().unwrap_or_default());
        match names.last_mut().filter(|_| !begins) {
            Some(last) => last.extend([",", part]),
            None => names.push(name.to_owned()),
        }
    }
    names
}

/// `cpu,cpu` or `cuda:0,cuda:1`: what each is called, with commas between.
///
/// # Errors
/// [`DeviceError::Unknown`] if one of the names is none, [`DeviceError::List`] if they can't share a batch.
pub(super) fn parse(text: &str) -> Result<DeviceChoice, DeviceError> {
    let choices = names(text).iter().map(|name| name.parse()).collect::<Result<Vec<DeviceChoice>, _>>()?;
    let refused = |reason: &str| Err(DeviceError::List { list: text.to_owned(), reason: reason.to_owned() });
    if choices.contains(&DeviceChoice::Auto) {
        return refused("auto stands for one device; name each");
    }
    if choices.iter().any(|choice| matches!(choice, DeviceChoice::Wgpu | DeviceChoice::Vulkan)) {
        return refused("wgpu and vulkan stand for the best adapter; give each its number, such as vulkan:0");
    }
    let is_alike = |choice: &DeviceChoice| kind(choice) == kind(&choices[0]);
    if !choices.iter().all(is_alike) {
        return refused("devices that share a batch have to be of one kind: cpu, wgpu, vulkan or cuda");
    }
    let is_twice = |(at, choice): (usize, &DeviceChoice)| choices[..at].contains(choice);
    if choices[0] != DeviceChoice::Cpu && choices.iter().enumerate().any(is_twice) {
        return refused("a device is named twice; only cpu may be, to try this out");
    }
    Ok(DeviceChoice::Several(choices))
}

fn kind(choice: &DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Auto => "auto",
        DeviceChoice::Cpu => "cpu",
        DeviceChoice::Vulkan => "vulkan",
        DeviceChoice::Adapter(adapter) if adapter.is_vulkan => "vulkan",
        DeviceChoice::Wgpu | DeviceChoice::Adapter(_) => "wgpu",
        DeviceChoice::Cuda(_) => "cuda",
        DeviceChoice::Several(_) => "several",
    }
}

/// Their names with something between them.
pub(super) fn listed(choices: &[DeviceChoice], between: &str) -> String {
    choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// Opens and tests each.
pub(super) async fn open(choices: Vec<DeviceChoice>) -> Result<OpenDevice, DeviceError> {
    let has_collectives = kind(&choices[0]) == "cuda";
    #[cfg(feature = "wgpu")]
    check_distinct(&choices).await?;
    let mut opened: Vec<OpenDevice> = Vec::with_capacity(choices.len());
    for choice in choices {
        opened.push(open_one(choice).await?);
    }
    let names = opened.iter().map(|device| device.description.as_str()).collect::<Vec<_>>().join(", ");
    let description = format!("{} devices: {names}", opened.len());
    let is_software = opened.iter().any(|device| device.is_software);
    let mut devices = opened.into_iter().map(|opened| opened.device);
    let first = devices.next().expect("a list has at least two");
    Ok(OpenDevice { others: devices.collect(), has_collectives, ..OpenDevice::new(first, description, is_software) })
}

/// A part of a name and a number may stand for one adapter, which can't be opened twice.
#[cfg(feature = "wgpu")]
async fn check_distinct(choices: &[DeviceChoice]) -> Result<(), DeviceError> {
    let mut places = Vec::with_capacity(choices.len());
    for choice in choices {
        let DeviceChoice::Adapter(adapter) = choice else { continue };
        let place = super::adapters::find(adapter).await?;
        if places.contains(&place) {
            let reason = format!("{choice} is one of the others too; give each device once");
            return Err(DeviceError::List { list: listed(choices, ","), reason });
        }
        places.push(place);
    }
    Ok(())
}
