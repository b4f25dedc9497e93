//! `whelp completions` and `whelp man`.

use std::fs;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArguments, ManArguments};
use crate::failure::{Failure, Outcome};
use crate::output::{note, say};

const NAME: &str = "whelp";

/// Prints a script that completes the program's words in a shell.
pub fn completions(arguments: &CompletionsArguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), NAME, &mut script);
    say!("{}", String::from_utf8_lossy(&script).trim_end());
    Ok(Outcome::Done)
}

/// Prints the program's manual page, or writes it and those of its commands to a folder.
pub fn man(arguments: &ManArguments) -> Result<Outcome, Failure> {
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Failure::fault)?;
        say!("{}", String::from_utf8_lossy(&page).trim_end());
        return Ok(Outcome::Done);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Failure::file(folder, "written to", &error))?;
    note!("manual      {}: `man -l {0}/{NAME}.1` shows it", folder.display());
    Ok(Outcome::Done)
}
