//! ferrokinesis as its own program runs it, but on the loopback address, with the port as the only argument.
//! Why: its program listens on every interface, and nothing tells it otherwise.

use ferrokinesis::store::StoreOptions;
use std::error::Error;
use std::future::pending;
use std::net::Ipv4Addr;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: tailwater-interop-ferrokinesis PORT")?.parse()?;
    let (app, _store) = ferrokinesis::create_app(StoreOptions::default());
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(ferrokinesis::serve_plain_http(listener, app, pending()).await?)
}
