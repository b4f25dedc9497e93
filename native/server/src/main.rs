//! The server alone, for `cargo xtask serve`, which would have to wait long for the whole terminal program.
//!
//! Usage: `whelp-server FOLDER PORT`

use std::net::Ipv4Addr;
use std::process::ExitCode;

use whelp_server::{Page, Server};

fn main() -> ExitCode {
    match serve() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("whelp-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<std::convert::Infallible, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, port] = arguments.as_slice() else { return Err("give the page's folder and a port".into()) };
    let server = Server::bind(Page::Folder(folder.into()), (Ipv4Addr::LOCALHOST, port.parse()?).into())?;
    println!("\nWhelp is at http://{}/ (Ctrl-C ends it)\n", server.address()?);
    Ok(server.run()?)
}
