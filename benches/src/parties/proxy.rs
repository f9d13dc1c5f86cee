//! A reverse proxy that only copies bytes, of the same parts as the hub: what any intermediary costs.
//!
//! Its connections are kept on both sides, without a limit on the idle ones; it runs on as many threads as the hub.

use std::io;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, Uri, header::CONNECTION, uri::Authority},
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: Authority,
}

/// Serves until the process ends; everything goes to this host and port.
///
/// # Errors
/// Where no connection can be accepted any more.
pub async fn serve(listener: TcpListener, upstream: Authority) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    axum::serve(listener, Router::new().fallback(forward).with_state(Proxy { client, upstream })).await
}

async fn forward(State(proxy): State<Proxy>, mut request: Request) -> Response {
    let uri = Uri::builder().scheme("http").authority(proxy.upstream);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = uri.path_and_query(path).build() else { return StatusCode::BAD_REQUEST.into_response() };
    *request.uri_mut() = uri;
    request.headers_mut().remove(CONNECTION);
    match proxy.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        parties::{client::Client, upstream},
        stage::Era,
    };

    async fn listener() -> (TcpListener, Authority) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address.parse().unwrap())
    }

    async fn proxy_before(upstream: Authority) -> Uri {
        let (listener, address) = listener().await;
        tokio::spawn(serve(listener, upstream));
        format!("http://{address}/mcp").parse().unwrap()
    }

    #[tokio::test]
    async fn what_comes_through_is_the_upstreams_own_answer() {
        let (listener, address) = listener().await;
        tokio::spawn(upstream::serve(listener));
        let url = proxy_before(address).await;
        let mut client = Client::open(&url, Era::Stateful, "her-token", "her-token".into()).await.unwrap();
        client.call().await.unwrap();
        client.call().await.unwrap();
        let mut other = Client::open(&url, Era::Stateful, "his-token", "her-token".into()).await.unwrap();
        let refused = other.call().await.unwrap_err().to_string();
        assert!(refused.contains("his-token"), "the answer to another is no answer: {refused}");
    }

    #[tokio::test]
    async fn without_an_upstream_nothing_is_answered() {
        let (listener, address) = listener().await;
        drop(listener);
        let url = proxy_before(address).await;
        let refused = Client::open(&url, Era::Stateful, "her-token", "her-token".into()).await.unwrap_err().to_string();
        assert!(refused.contains("502"), "{refused}");
    }
}
