//! `whelp export`.

use crate::cli::ExportArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_checkpoint;
use crate::output::note;
use crate::run_folder::write_whole;

pub fn export(arguments: &ExportArguments) -> Result<Outcome, Failure> {
    let ExportArguments { checkpoint, out } = arguments;
    let whole = read_checkpoint(checkpoint)?.for_drawing();
    if whole.tensors.is_empty() {
        return Err(Failure::Input(format!(
            "{}: this checkpoint has no averaged generator to export",
            checkpoint.display()
        )));
    }
    let bytes = whole.to_bytes();
    write_whole(out, &bytes).map_err(|error| Failure::file(out, "written to", &error))?;
    note!("checkpoint     {} ({} KiB, for drawing only)", out.display(), bytes.len().div_ceil(1024));
    Ok(Outcome::Done)
}
