//! The terminal program: arguments in, a run folder and an exit status out.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod append;
mod assets;
mod branches;
mod cache;
mod card;
mod cli;
mod control;
mod data;
mod devices;
mod display;
mod dry_run;
mod evaluate;
mod export;
mod failure;
mod folder;
mod follow;
mod generate;
mod import;
mod info;
mod lock;
mod manual;
mod memory;
mod output;
mod picture_files;
mod png;
mod profile;
mod pytorch;
mod recipes;
mod reopen;
mod run_folder;
mod serve;
mod signals;
mod storage;
mod tensorboard;
mod train;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, DataSubcommand, Subcommand};
use failure::Failure;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() -> ExitCode {
    memory::keep();
    let cli = Cli::parse();
    // One sentence replaces the panic's usual output; RUST_BACKTRACE=1 brings it back, on a terminal that nothing covers.
    let usual = std::env::var_os("RUST_BACKTRACE").map(|_| std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(usual) = &usual {
            output::end_screen_after_panic();
            usual(panic);
        }
    }));
    let result = std::panic::catch_unwind(move || match cli.command {
        Subcommand::Train(arguments) => train::train(&arguments),
        Subcommand::Ctl(arguments) => control::control(&arguments),
        Subcommand::Generate(arguments) => generate::generate(&arguments),
        Subcommand::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Subcommand::Import(arguments) => import::import(&arguments),
        Subcommand::Export(arguments) => export::export(&arguments),
        Subcommand::Card(arguments) => card::card(&arguments),
        Subcommand::Info(arguments) => info::info(&arguments),
        Subcommand::Recipes => recipes::recipes(),
        Subcommand::Profile(arguments) => profile::profile(&arguments),
        Subcommand::Serve(arguments) => serve::serve(&arguments),
        Subcommand::Devices(arguments) => devices::devices(&arguments),
        Subcommand::Completions(arguments) => manual::completions(&arguments),
        Subcommand::Man(arguments) => manual::man(&arguments),
        Subcommand::Data(DataSubcommand::Check(arguments)) => data::check(&arguments),
        Subcommand::Data(DataSubcommand::Cache(arguments)) => cache::command(&arguments),
    });
    match result.unwrap_or_else(|panic| Err(Failure::from_panic(&*panic))) {
        Ok(outcome) => ExitCode::from(outcome.status()),
        Err(failure) => {
            output::note!("whelp: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
