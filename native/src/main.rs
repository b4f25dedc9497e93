//! The terminal program: arguments in, a run folder and an exit status out.

mod assets;
mod cache;
mod cli;
mod data;
mod evaluate;
mod export;
mod failure;
mod folder;
mod generate;
mod import;
mod info;
mod memory;
mod picture_files;
mod png;
mod profile;
mod progress;
mod pytorch;
mod recipes;
mod run_folder;
mod serve;
mod storage;
mod tensorboard;
mod train;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, DataSubcommand, Subcommand};
use failure::{Failure, Outcome};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::keep();
    let cli = Cli::parse();
    // One sentence replaces the panic's usual output; RUST_BACKTRACE=1 brings it back.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let result = std::panic::catch_unwind(move || match cli.command {
        Subcommand::Train(arguments) => train::train(&arguments),
        Subcommand::Generate(arguments) => generate::generate(&arguments),
        Subcommand::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Subcommand::Import(arguments) => import::import(&arguments),
        Subcommand::Export(arguments) => export::export(&arguments),
        Subcommand::Info(arguments) => info::info(&arguments),
        Subcommand::Recipes => recipes::recipes(),
        Subcommand::Profile(arguments) => profile::profile(&arguments),
        Subcommand::Serve(arguments) => serve::serve(&arguments),
        Subcommand::Data(DataSubcommand::Check(arguments)) => data::check(&arguments),
        Subcommand::Data(DataSubcommand::Cache(arguments)) => cache::command(&arguments),
    });
    match result.unwrap_or_else(|panic| Err(Failure::from_panic(&*panic))) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            eprintln!("whelp: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
