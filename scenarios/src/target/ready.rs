//! When a process that was started is ready: an answer over HTTP, a port that is open, a line that it writes.

use std::time::Duration;

use futures_util::FutureExt;
use http::Method;
use tokio::{net::TcpStream, time};

use super::process::{Failure, Process};
use crate::engine::client::{self, Endpoint, Outgoing};

/// How often a server is asked whether it is ready.
const KNOCKS: Duration = Duration::from_millis(25);
/// How long one such question may take.
const ONE_KNOCK: Duration = Duration::from_secs(2);

/// What shows that a process is ready.
#[derive(Debug, Clone)]
pub enum Sign {
    /// This status, or any where none is given, at this place.
    Http(Endpoint, Option<u16>),
    /// Something listens at this `host:port`.
    Tcp(String),
    /// It writes a line with these words.
    Says(String),
}

/// Waits until the process is ready.
///
/// # Errors
/// [`Failure::Ended`] or [`Failure::NotReady`].
pub async fn wait(process: &mut Process, sign: &Sign, within: Duration) -> Result<(), Failure> {
    let mut met = "nothing came".to_owned();
    let said = match sign {
        Sign::Says(words) => process.says(words, 0).boxed(),
        Sign::Http(..) | Sign::Tcp(_) => answers(sign, &mut met).boxed(),
    };
    let shown = tokio::select! {
        () = said => true,
        ended = process.ended() => return Err(ended),
        () = time::sleep(within) => false,
    };
    if shown {
        return Ok(());
    }
    Err(Failure::NotReady { reason: format!("{}; {met}", sign.wanted()), within, said: process.last_lines() })
}

/// Asks until it is answered as wanted, and keeps what came instead.
async fn answers(sign: &Sign, instead: &mut String) {
    while let Err(came) = knock(sign).await {
        *instead = came;
        // Nobody tells when another process begins to listen; it has to be asked again.
        time::sleep(KNOCKS).await;
    }
}

/// Asks once; what came instead where it is not ready.
async fn knock(sign: &Sign) -> Result<(), String> {
    let asked = async {
        match sign {
            Sign::Http(endpoint, wanted) => {
                let get = Outgoing { method: Method::GET, headers: Vec::new(), body: String::new() };
                let reply = client::send(endpoint, get).await?;
                if wanted.is_none_or(|wanted| wanted == reply.status) {
                    Ok(())
                } else {
                    Err(format!("HTTP {} came", reply.status))
                }
            }
            Sign::Tcp(authority) => TcpStream::connect(authority).await.map(|_| ()).map_err(|error| error.to_string()),
            Sign::Says(_) => Ok(()),
        }
    };
    time::timeout(ONE_KNOCK, asked).await.unwrap_or_else(|_| Err("no answer".to_owned()))
}

impl Sign {
    fn wanted(&self) -> String {
        match self {
            Self::Http(endpoint, Some(status)) => {
                format!("HTTP {status} was awaited at http://{}{}", endpoint.authority, endpoint.path)
            }
            Self::Http(endpoint, None) => {
                format!("an answer was awaited at http://{}{}", endpoint.authority, endpoint.path)
            }
            Self::Tcp(authority) => format!("a listener was awaited at {authority}"),
            Self::Says(words) => format!("a line with {words:?} was awaited"),
        }
    }
}
