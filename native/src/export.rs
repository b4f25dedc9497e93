//! `whelp export`.

use std::path::{Path, PathBuf};

use whelp::export::{Graph, OPSET, html, onnx};

use crate::cli::ExportArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_best;
use crate::output::note;
use crate::run_folder::{check_output, write_whole};

pub fn export(arguments: &ExportArguments) -> Result<Outcome, Failure> {
    let ExportArguments { checkpoint: path, out, networks, onnx: onnx_file, html: page } = arguments;
    let outputs: Vec<&PathBuf> = [out, networks, onnx_file, page].into_iter().flatten().collect();
    for (index, output) in outputs.iter().enumerate() {
        check_output(output, path)?;
        if outputs[..index].contains(output) {
            return Err(Failure::Input(format!("{} can hold one file alone. Name another one", output.display())));
        }
    }
    let whole = read_best(path, "exporting")?;
    if let Some(file) = networks {
        if whole.is_for_drawing() {
            let reason = "this checkpoint holds only what drawing needs. Take the checkpoint that the run itself saved";
            return Err(Failure::Input(format!("{}: {reason}", path.display())));
        }
        write(file, "networks", &whole.clone().for_starting().to_bytes(), "for new runs to begin with")?;
    }
    let small = whole.clone().for_drawing();
    if small.tensors.is_empty() {
        return Err(Failure::Input(format!("{}: this checkpoint has no averaged generator to export", path.display())));
    }
    if let Some(out) = out {
        write(out, "checkpoint", &small.to_bytes(), "for drawing only")?;
    }
    if onnx_file.is_none() && page.is_none() {
        return Ok(Outcome::Done);
    }
    let graph = Graph::new(&whole).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    if let Some(file) = onnx_file {
        let [channels, rows, columns] = graph.picture();
        let class = if graph.classes.is_empty() { "" } else { ", class [batch]" };
        let shapes = format!(
            "opset {OPSET}: z [batch, {}]{class} -> image [batch, {channels}, {rows}, {columns}]",
            graph.latent
        );
        write(file, "ONNX", &onnx(&graph), &shapes)?;
    }
    if let Some(file) = page {
        write(file, "page", html(&graph).as_bytes(), "opens in any browser, without a network")?;
    }
    Ok(Outcome::Done)
}

/// Writes a file whole or not at all, and says what it is.
fn write(file: &Path, what: &str, bytes: &[u8], about: &str) -> Result<(), Failure> {
    write_whole(file, bytes).map_err(|error| Failure::file(file, "written to", &error))?;
    note!("{what:<14} {} ({} KiB, {about})", file.display(), bytes.len().div_ceil(1024));
    Ok(())
}
