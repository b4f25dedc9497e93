//! Packages of Debian and its relatives.

use crate::process::{capture, describe, find_on_path, run};
use anyhow::{Result, bail};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// Installs `packages`, as root or through sudo. `purpose` tells the user why, should it come to asking them.
pub fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", packages.join(" "));
    if find_on_path("apt-get").is_none() {
        bail!(
            "{purpose}, and this system has no apt-get to install it with. \
             Install what your system calls these Debian packages: {}",
            packages.join(" ")
        );
    }
    if !is_root() && !may_use_sudo() {
        bail!("{purpose}, and installing it takes administrator rights. Run this by hand, then try again: {by_hand}");
    }
    let install = || {
        let mut command = apt_get();
        command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
        println!("   {}", describe(&command));
        run(&mut command)
    };
    // A machine's package lists may be empty or out of date, but fetching them takes longer than most packages do.
    if install().is_err() {
        println!("   The package lists may be old: fetching them.");
        if let Err(error) = run(apt_get().arg("update")).and_then(|()| install()) {
            bail!("{purpose}, and apt-get could not install it: {error}. Try by hand: {by_hand}");
        }
    }
    Ok(())
}

/// Fetches the package lists anew, for packages that have to be of these days. If that fails, the old ones have to do.
pub fn refresh() {
    if let Err(error) = run(apt_get().arg("update")) {
        println!("   The package lists could not be fetched ({error:#}): going by those that are there.");
    }
}

/// Whether packages can be installed here without the user's help.
pub fn can_install() -> bool {
    find_on_path("apt-get").is_some() && (is_root() || may_use_sudo())
}

/// Where packages of this kind come as snaps, which cannot be driven from outside their sandbox.
pub fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}

fn apt_get() -> Command {
    let mut command = if is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

/// Sudo may ask for a password only where there is somebody to type it.
fn may_use_sudo() -> bool {
    find_on_path("sudo").is_some()
        && (std::io::stdin().is_terminal() || capture(Command::new("sudo").args(["-n", "true"])).is_ok())
}
