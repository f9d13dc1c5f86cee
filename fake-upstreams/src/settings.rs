//! What a fake is told before it starts.

use std::{fmt, str::FromStr};

use crate::Script;

/// Which server is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A database with a context bound to the session. Takes any credential, or none.
    Db,
    /// A code host that checks the bearer token of every request.
    Github,
    /// An issue tracker's server, which passes the caller's token on to a service and keeps nothing itself.
    Jira,
    /// A server with every feature of the protocol and every fixture of the official suite. Takes any credential, or none.
    Lab,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Db, Self::Github, Self::Jira, Self::Lab];

    /// Whether it asks who calls, so that its users need accounts of their own.
    pub fn asks_who_calls(self) -> bool {
        matches!(self, Self::Github | Self::Jira)
    }
}

impl Kind {
    /// Whether a request without a known token gets no further.
    pub(crate) fn checks_tokens(self) -> bool {
        self == Self::Github
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Db => "db",
            Self::Github => "github",
            Self::Jira => "jira",
            Self::Lab => "lab",
        })
    }
}

/// There is no such fake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fake `{0}`; there are `db`, `github`, `jira` and `lab`")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// Somebody whom an upstream knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name the upstream calls them by.
    pub login: String,
    /// Their bearer token.
    pub token: String,
    /// `read`, `write`, and at `jira` also `transition`.
    pub scopes: Vec<String>,
    /// In which eras they are answered, where a server that is being renewed does not do so for everybody alike.
    pub eras: Option<Eras>,
}

/// In which of the two forms of streamable HTTP a fake answers requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Answers {
    /// One JSON body.
    Json,
    /// An event stream that ends after the response.
    Sse,
    /// Either, and cut into chunks anywhere: the seed and the request decide.
    #[default]
    Seeded,
}

/// Which eras of the protocol a fake speaks. It tells them apart with every request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Eras {
    /// Sessions and requests on their own, on one endpoint.
    #[default]
    Both,
    /// Only the revisions that begin with `initialize`, up to 2025-11-25.
    Stateful,
    /// Only 2026-07-28, in which every request stands on its own.
    Stateless,
}

impl Eras {
    /// Whether sessions can be opened.
    pub fn stateful(self) -> bool {
        self != Self::Stateless
    }

    /// Whether requests on their own are answered.
    pub fn stateless(self) -> bool {
        self != Self::Stateful
    }
}

/// Everything that one fake is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name it goes by in the ledger.
    pub name: String,
    /// Which server it plays.
    pub kind: Kind,
    /// Whom it knows.
    pub accounts: Vec<Account>,
    /// Which eras it speaks.
    pub eras: Eras,
    /// Decides marks, session ids, forms and chunk borders.
    pub seed: u64,
    /// What goes wrong, and when.
    pub script: Script,
    /// In which form it answers.
    pub answers: Answers,
    /// Items on one page of a list; `None` is all of them.
    pub page: Option<usize>,
    /// The root of the service behind `jira`, for example `http://127.0.0.1:7100`; in this process where there is none.
    pub service: Option<String>,
}
