//! `whelp serve`.

use whelp_server::{Page, Server};

use crate::cli::ServeArguments;
use crate::failure::{Failure, Outcome};
use crate::output::say;

/// The page that is compiled into the program. The build script lists its files.
#[cfg(feature = "page")]
const EMBEDDED: Option<Page> = Some(Page::Embedded(include!(concat!(env!("OUT_DIR"), "/page.rs"))));

#[cfg(not(feature = "page"))]
const EMBEDDED: Option<Page> = None;

pub fn serve(arguments: &ServeArguments) -> Result<Outcome, Failure> {
    let page = arguments.page.clone().map(Page::Folder).or(EMBEDDED).ok_or_else(|| {
        Failure::input(
            "this program was compiled without the page: name the folder of a built page with --page, or build a program \
             with the page by `cargo xtask build`",
        )
    })?;
    let server = Server::bind(page, arguments.port).map_err(Failure::input)?;
    let address = server.address().map_err(Failure::fault)?;
    say!("Whelp is at http://{address}/ (Ctrl-C ends it)");
    match server.run() {
        Ok(never) => match never {},
        Err(error) => Err(Failure::fault(format!("the server ended: {error}"))),
    }
}
