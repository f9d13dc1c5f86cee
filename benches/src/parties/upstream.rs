//! An MCP server that does next to nothing: it gives out session ids, and a tool call is answered with whose token came
//! with it.
//!
//! The fakes of the suite write down every byte, which would be most of what is measured.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

/// What it offers.
const WELCOME: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":false}},"serverInfo":{"name":"bench","version":"0"},"instructions":"Call `whoami`: it answers with the token that came with the call."}"#;

/// What it says that it is, to who asks without a session.
const DISCOVERED: &str = r#"{"supportedVersions":["2026-07-28","2025-11-25"],"capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"0"},"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#;

/// As much of a message as it looks at.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
}

/// Serves until the process ends.
///
/// # Errors
/// Where no connection can be accepted any more.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let sessions = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        let sessions = sessions.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(sessions.clone(), request));
            // A connection that breaks is its client's to tell.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(sessions: Arc<AtomicU64>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    if parts.method == Method::DELETE {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    let Some(id) = asked.id else { return Ok(empty(StatusCode::ACCEPTED)) };
    let result = match asked.method {
        "initialize" => WELCOME.to_owned(),
        "server/discover" => DISCOVERED.to_owned(),
        _ => {
            let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            format!(r#"{{"content":[{{"type":"text","text":"{token}"}}],"isError":false,"resultType":"complete"}}"#)
        }
    };
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if asked.method == "initialize" {
        // As long as real ones are.
        let session = format!("{:064x}", sessions.fetch_add(1, Ordering::Relaxed));
        response.headers_mut().extend(HeaderValue::try_from(session).ok().map(|id| (super::client::SESSION, id)));
    }
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
