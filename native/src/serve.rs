//! `whelp serve`, and the server of `whelp train --serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use whelp_server::{Guard, Page, Running, Server, ServerError, Token};

use crate::cli::{Listen, ServeArguments, TrainArguments};
use crate::failure::{Failure, Outcome};
use crate::output::{note, say};
use crate::watch;

/// The usual port.
const PORT: u16 = 8080;

/// Port and token of the server of a program whose place this one takes: those who watch go on with them.
pub const HANDED_ON: &str = "WHELP_SERVED_AT";

/// The page that is compiled into the program. The build script lists its files.
#[cfg(feature = "page")]
const EMBEDDED: Option<Page> = Some(Page::Embedded(include!(concat!(env!("OUT_DIR"), "/page.rs"))));

#[cfg(not(feature = "page"))]
const EMBEDDED: Option<Page> = None;

pub fn serve(arguments: &ServeArguments) -> Result<Outcome, Failure> {
    let address = SocketAddr::new(arguments.address, arguments.port);
    let server = Server::bind(page(arguments.page.as_ref())?, address).map_err(|error| match error {
        ServerError::Port { .. } => {
            Failure::Input(format!("{error}. Choose another one with --port; --port 0 takes any free one"))
        }
        ServerError::NoPage(_) => Failure::input(error),
    })?;
    let ended = if let Some(run) = &arguments.run {
        let watching = watch::of_folder(server, run, guard(arguments.token))?;
        say!("{} is shown at {} (Ctrl-C ends the showing)", run.display(), watching.link());
        watching.run()
    } else {
        let address = server.address().map_err(Failure::fault)?;
        say!("Whelp is at http://{address}/ (Ctrl-C ends it)");
        server.run()
    };
    match ended {
        Ok(never) => match never {},
        Err(error) => Err(Failure::fault(format!("the server ended: {error}"))),
    }
}

/// The server that `--serve` asks for, with its port open: what is wrong with that is said before anything is trained.
pub fn bind(arguments: &TrainArguments) -> Result<Option<Server>, Failure> {
    let Some(Listen { ip, port }) = arguments.serve.filter(|_| !arguments.dry_run) else { return Ok(None) };
    let page = page(arguments.page.as_ref())?;
    let handed_on = handed_on().map(|(port, _)| port);
    let bound = Server::bind(page.clone(), SocketAddr::new(ip, handed_on.or(port).unwrap_or(PORT)));
    let bound = match bound {
        // Of another run on this machine, for example.
        Err(ServerError::Port { .. }) if port.is_none() || handed_on.is_some() => {
            Server::bind(page, SocketAddr::new(ip, 0))
        }
        bound => bound,
    };
    bound.map(Some).map_err(|error| match error {
        ServerError::Port { .. } => {
            Failure::Input(format!("--serve: {error}. Choose another one, or --serve {ip}:0 for any free one"))
        }
        ServerError::NoPage(_) => Failure::input(error),
    })
}

/// A run that is shown until this is dropped.
pub struct Served {
    pub link: String,
    /// For [`HANDED_ON`].
    pub at: String,
    _running: Running,
}

/// Shows the run in `root`, with a token if `has_token`, or if other machines can reach the server.
pub fn show(server: Server, root: &Path, has_token: bool) -> Result<Served, Failure> {
    let known = handed_on().and_then(|(_, token)| token);
    let watching = watch::of_run(server, root, guard(has_token), known)?;
    let link = watching.link();
    note!("watch       {link}");
    let at = format!("{} {}", watching.address().port(), watching.token().map_or("", Token::as_str));
    Ok(Served { link, at, _running: watching.start().map_err(Failure::fault)? })
}

fn handed_on() -> Option<(u16, Option<Token>)> {
    read_handed_on(&std::env::var(HANDED_ON).ok()?)
}

fn read_handed_on(at: &str) -> Option<(u16, Option<Token>)> {
    let (port, token) = at.split_once(' ')?;
    Some((port.parse().ok()?, Token::given(token)))
}

fn guard(has_token: bool) -> Guard {
    if has_token { Guard::Always } else { Guard::FromOtherMachines }
}

fn page(folder: Option<&PathBuf>) -> Result<Page, Failure> {
    folder.cloned().map(Page::Folder).or(EMBEDDED).ok_or_else(|| {
        Failure::input(
            "this program was compiled without the page: name the folder of a built page with --page, or build a program \
             with the page by `cargo xtask build`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_a_port_and_perhaps_a_token() {
        let digits = "0123456789abcdef".repeat(2);
        let (port, token) = read_handed_on(&format!("8080 {digits}")).unwrap();
        assert_eq!((port, token.unwrap().as_str()), (8080, digits.as_str()));
        assert!(matches!(read_handed_on("8080 "), Some((8080, None))));
        assert!(read_handed_on("").is_none() && read_handed_on("x ").is_none());
    }
}
