//! The way to the service: a router in this process, or HTTP.

use std::{fmt, time::Duration};

use axum::{Router, body::Body};
use futures_util::future::BoxFuture;
use http::{Request, header::AUTHORIZATION};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tower::ServiceExt;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// How long the service may take over HTTP.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRequest {
    /// HTTP method.
    pub method: http::Method,
    /// Path and query, from the root of the service.
    pub path: String,
    /// The bearer token of whoever calls, where there is one.
    pub token: Option<String>,
    /// A JSON body.
    pub body: Option<Value>,
}

/// What the service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, lossy UTF-8.
    pub body: String,
}

/// The service could not be asked. Says nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// No connection, or it broke.
    #[error("the service cannot be reached")]
    Unreachable,
    /// It took longer than ten seconds.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The answer was larger than a mebibyte.
    #[error("the service answered too much")]
    TooLarge,
}

/// A way to the service.
pub trait Rest: fmt::Debug + Send + Sync + 'static {
    /// Sends one request.
    fn send(&self, request: RestRequest) -> BoxFuture<'_, Result<RestAnswer, RestError>>;
}

/// The service in this process: no socket, no clock.
#[derive(Debug, Clone)]
pub struct Routed(pub Router);

impl Rest for Routed {
    fn send(&self, request: RestRequest) -> BoxFuture<'_, Result<RestAnswer, RestError>> {
        Box::pin(async move {
            let mut http = Request::builder().method(request.method).uri(request.path);
            if let Some(token) = request.token {
                http = http.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let body = request.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
            let http =
                http.header("content-type", "application/json").body(body).map_err(|_| RestError::Unreachable)?;
            let answer = self.0.clone().oneshot(http).await.unwrap_or_else(|never| match never {});
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|_| RestError::TooLarge)?;
            Ok(RestAnswer { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
        })
    }
}

/// The service over HTTP: no redirects, which would carry a token to a stranger, no cookies, no proxy.
#[derive(Debug, Clone)]
pub struct Remote {
    http: reqwest::Client,
    base: String,
}

impl Remote {
    /// The service at this root, for example `http://127.0.0.1:7100`.
    ///
    /// # Errors
    /// What the HTTP client says against its own settings.
    pub fn new(base: &str) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned() })
    }
}

impl Rest for Remote {
    fn send(&self, request: RestRequest) -> BoxFuture<'_, Result<RestAnswer, RestError>> {
        Box::pin(async move {
            let failed =
                |error: reqwest::Error| if error.is_timeout() { RestError::TimedOut } else { RestError::Unreachable };
            let mut http = self.http.request(request.method, format!("{}{}", self.base, request.path));
            if let Some(token) = &request.token {
                http = http.bearer_auth(token);
            }
            if let Some(body) = &request.body {
                http = http.header("content-type", "application/json").body(body.to_string());
            }
            let mut answer = http.send().await.map_err(failed)?;
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(failed)? {
                body.extend_from_slice(&piece);
                if body.len() > LARGEST {
                    return Err(RestError::TooLarge);
                }
            }
            Ok(RestAnswer { status, body: String::from_utf8_lossy(&body).into_owned() })
        })
    }
}
