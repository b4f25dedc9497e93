//! `whelp devices`.

use std::fs;

use futures_lite::future::block_on;
use serde::Serialize;
use whelp::device::{Adapter, adapters, cpu_threads};

use crate::cli::DevicesArguments;
use crate::failure::{Failure, Outcome};
use crate::memory;
use crate::output::say;

/// A device, and how to choose it.
#[derive(Serialize)]
struct Row {
    /// For `--device`.
    device: String,
    name: String,
    /// None where it isn't told.
    memory_bytes: Option<u64>,
    /// In words.
    notes: String,
    /// Whether it is a graphics adapter of its own, which trains faster than the processor.
    #[serde(skip)]
    is_hardware: bool,
}

/// Lists what can be trained on.
pub fn devices(arguments: &DevicesArguments) -> Result<Outcome, Failure> {
    let rows: Vec<Row> = std::iter::once(processor()).chain(graphics()).collect();
    if arguments.json {
        say!("{}", serde_json::to_string(&rows).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or_default();
    let (device, name) = (width(|row| &row.device).max(6), width(|row| &row.name));
    say!("{:device$}  {:name$}  {:>9}  notes", "device", "name", "memory");
    for row in &rows {
        let memory =
            row.memory_bytes.map_or_else(|| "not told".to_owned(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9));
        say!("{:device$}  {:name$}  {memory:>9}  {}", row.device, row.name, row.notes);
    }
    if rows.len() == 1 {
        say!("\nThere is no graphics adapter with a driver. With one, training is several times as fast.");
    }
    let graphics: Vec<&str> = rows.iter().filter(|row| row.is_hardware).map(|row| row.device.as_str()).collect();
    let kind = |device: &&str| device.split(':').next().map(str::to_owned);
    if let Some([one, other]) = graphics.array_windows().find(|[one, other]| kind(one) == kind(other)) {
        say!("\nSeveral of one kind share each batch of a training: --device {one},{other}");
    }
    Ok(Outcome::Done)
}

fn processor() -> Row {
    let name = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
        Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
    });
    let available = memory::available();
    let limit = available.map_or_else(String::new, |available| format!(", memory {}", available.limit));
    Row {
        device: "cpu".to_owned(),
        name: name.unwrap_or_else(|| "the processor".to_owned()),
        memory_bytes: available.map(|available| available.bytes),
        notes: format!("{} threads{limit}", cpu_threads()),
        is_hardware: false,
    }
}

fn graphics() -> Vec<Row> {
    let mut counts = std::collections::BTreeMap::new();
    block_on(adapters()).into_iter().enumerate().map(|(place, adapter)| row(place, adapter, &mut counts)).collect()
}

/// Those of Vulkan have a number of their own; the others one among all.
fn row(place: usize, adapter: Adapter, counts: &mut std::collections::BTreeMap<&'static str, usize>) -> Row {
    let index = counts.entry(adapter.api).or_default();
    let device = if adapter.api == "vulkan" { format!("vulkan:{index}") } else { format!("wgpu:{place}") };
    *index += 1;
    let is_hardware = !adapter.is_emulated();
    let mut notes = vec![adapter.kind.to_owned()];
    if adapter.api != "vulkan" {
        notes.push(adapter.api.to_owned());
    }
    notes.push(format!("tensors up to {:.1} GB", adapter.max_buffer_bytes as f64 / 1e9));
    notes.extend(adapter.has_subgroups.then(|| "subgroups".to_owned()));
    notes.extend(adapter.has_half_floats.then(|| "16-bit floats".to_owned()));
    notes.extend(Some(adapter.driver).filter(|driver| !driver.is_empty()));
    Row { device, name: adapter.name, memory_bytes: adapter.memory_bytes, notes: notes.join(", "), is_hardware }
}
