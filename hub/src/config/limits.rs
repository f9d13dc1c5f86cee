//! Limits: on everything that somebody else decides the size or length of.

use std::time::Duration;

/// The limits of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a session may be without a request or a call in flight.
    pub session_idle: Duration,
    /// Sessions that one user may have open.
    pub sessions_per_user: usize,
    /// Sessions that the hub may have open at one upstream server, whoever they are for.
    pub upstream_sessions_per_server: usize,
    /// Calls that one session may have in flight.
    pub calls_per_session: usize,
    /// Requests without a session that one user may have in flight, those who listen included.
    pub requests_per_user: usize,
    /// Answers that may be kept for one key, of each sort.
    pub answers_kept_per_key: usize,
    /// What they may be long together, in bytes.
    pub bytes_kept_per_key: usize,
    /// How long an upstream may take to answer a call.
    pub call_timeout: Duration,
    /// How long connecting to an upstream may take.
    pub connect_timeout: Duration,
    /// How long a client may take to send the headers of a request.
    pub header_timeout: Duration,
    /// Largest request body, in bytes.
    pub body: usize,
    /// Largest message of an upstream, in bytes.
    pub answer: usize,
    /// Client connections at once.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_idle: Duration::from_secs(30 * 60),
            sessions_per_user: 32,
            upstream_sessions_per_server: 4096,
            calls_per_session: 64,
            requests_per_user: 256,
            answers_kept_per_key: 256,
            bytes_kept_per_key: 4 << 20,
            call_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body: 4 << 20,
            answer: 16 << 20,
            connections: 4096,
        }
    }
}
