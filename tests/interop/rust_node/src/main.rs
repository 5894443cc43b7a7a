//! An Ockam node on Ockam's own crates, as a peer for tests.
//!
//!     rust_node serve [--port PORT] [--folder FOLDER]     a node with workers, until its standard input ends
//!     rust_node connect HOST:PORT COUNT                    COUNT messages to the worker `echo` there, plain and in a channel
//!
//! `serve` prints one line: `listening HOST:PORT identifier I...`. Its workers: `echo` returns the payload as it came,
//! `hop` passes a message on, `forwarding_service` makes relays, `api` opens secure channels for everyone. With `--folder`
//! the identity outlives the process. `connect` prints one object of JSON for each step, and ends.

use std::io::Read;
use std::path::Path;
use std::process::exit;
use std::sync::Arc;
use std::time::Instant;

use ockam::identity::{
    Identifier, Identities, SecureChannelListenerOptions, SecureChannelOptions, SecureChannelSqlxDatabase,
    SecureChannels,
};
use ockam::tcp::{TcpConnectionOptions, TcpListenerOptions, TcpTransport};
use ockam::{
    route, Any, Context, NodeBuilder, RelayService, RelayServiceOptions, Result, Route, Routed, SqlxDatabase, Worker,
};

const USAGE: &str = "usage: rust_node serve [--port PORT] [--folder FOLDER] | connect HOST:PORT COUNT";

/// Sends each payload back as it came.
struct Echo;

#[ockam::worker]
impl Worker for Echo {
    type Context = Context;
    type Message = Vec<u8>;

    async fn handle_message(&mut self, ctx: &mut Context, message: Routed<Vec<u8>>) -> Result<()> {
        let back = message.return_route().clone();
        ctx.send(back, message.into_payload()).await
    }
}

/// Passes a message on, with its own address in the return route.
struct Hop;

#[ockam::worker]
impl Worker for Hop {
    type Context = Context;
    type Message = Any;

    async fn handle_message(&mut self, ctx: &mut Context, message: Routed<Any>) -> Result<()> {
        let own = ctx.primary_address().clone();
        ctx.forward(message.into_local_message().step_forward(own)?).await
    }
}

/// Secure channels, with everything that they keep in a database: in a file, or in memory.
async fn secure_channels(folder: Option<&str>) -> Result<Arc<SecureChannels>> {
    let database = match folder {
        Some(folder) => SqlxDatabase::create_sqlite(Path::new(folder).join("identity.sqlite")).await?,
        None => SqlxDatabase::in_memory("rust_node").await?,
    };
    let identities = Identities::create(database.clone()).build();
    let repository = Arc::new(SecureChannelSqlxDatabase::new(database));
    Ok(SecureChannels::from_identities(identities, repository))
}

/// The identity whose identifier the folder names; a new one if it names none.
async fn identity(channels: &SecureChannels, folder: Option<&str>) -> Result<Identifier> {
    let name = folder.map(|folder| Path::new(folder).join("identifier"));
    if let Some(Ok(text)) = name.as_ref().map(std::fs::read_to_string) {
        return text.as_str().try_into();
    }
    let identifier = channels.identities().identities_creation().create_identity().await?;
    if let Some(name) = name {
        std::fs::write(name, identifier.to_string()).expect("the folder can be written");
    }
    Ok(identifier)
}

/// End the process when whoever started it has gone.
fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        exit(0)
    });
}

async fn serve(ctx: Context, port: &str, folder: Option<&str>) -> Result<()> {
    let tcp = TcpTransport::get_or_create(&ctx)?;
    let listener = tcp
        .listen(format!("127.0.0.1:{port}"), TcpListenerOptions::new())
        .await?;
    let arrivals = listener.flow_control_id();
    let channels = secure_channels(folder).await?;
    let identifier = identity(&channels, folder).await?;
    let options = SecureChannelListenerOptions::new().as_consumer(arrivals);
    let inside = options.spawner_flow_control_id();
    ctx.start_worker("echo", Echo)?;
    ctx.start_worker("hop", Hop)?;
    for worker in ["echo", "hop"] {
        // Nothing reaches a worker from a connection or a channel that was not allowed to it.
        ctx.flow_controls().add_consumer(&worker.into(), arrivals);
        ctx.flow_controls().add_consumer(&worker.into(), &inside);
    }
    let relays = RelayServiceOptions::new()
        .service_as_consumer(arrivals)
        .relay_as_consumer(arrivals);
    RelayService::create(&ctx, "forwarding_service", relays)?;
    channels.create_secure_channel_listener(&ctx, &identifier, "api", options)?;
    println!("listening {} identifier {identifier}", listener.socket_string());
    Ok(())
}

/// Send `count` different payloads one after another, and print how many came back and how long it took.
async fn echoes(ctx: &Context, step: &str, route: Route, count: u32) -> Result<()> {
    let begin = Instant::now();
    let mut same = 0;
    for number in 0..count {
        let payload = format!("{step} {number}").into_bytes();
        let answer: Vec<u8> = ctx.send_and_receive(route.clone(), payload.clone()).await?;
        same += u32::from(answer == payload);
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(r#"{{"step": "{step}", "sent": {count}, "same": {same}, "seconds": {seconds:.3}}}"#);
    Ok(())
}

async fn connect(ctx: &Context, address: &str, count: u32) -> Result<()> {
    let tcp = TcpTransport::get_or_create(ctx)?;
    let connection = tcp.connect(address, TcpConnectionOptions::new()).await?;
    echoes(ctx, "plain", route![connection.clone(), "echo"], count).await?;
    let channels = secure_channels(None).await?;
    let own = identity(&channels, None).await?;
    let listener = route![connection, "api"];
    let options = SecureChannelOptions::new();
    let channel = channels.create_secure_channel(ctx, &own, listener, options).await?;
    let peer = channel.their_identifier();
    println!(r#"{{"step": "handshake", "own": "{own}", "peer": "{peer}"}}"#);
    echoes(ctx, "channel", route![channel.clone(), "echo"], count).await?;
    channels.stop_secure_channel(ctx, channel.encryptor_address())
}

/// The value of an option.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (ctx, mut executor) = NodeBuilder::new().no_logging().build();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", ..] => {
            end_with_input();
            executor.execute(async move {
                let port = option(&arguments, "--port").unwrap_or("0");
                serve(ctx, port, option(&arguments, "--folder")).await
            })?
        }
        ["connect", _, ref count] => {
            let count = count.parse().expect("COUNT is a number");
            executor.execute(async move {
                let done = connect(&ctx, &arguments[1], count).await;
                ctx.shutdown_node().await?;
                done
            })?
        }
        _ => {
            eprintln!("{USAGE}");
            exit(2)
        }
    }
}
