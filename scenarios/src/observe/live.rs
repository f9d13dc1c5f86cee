//! All taps of an observation, up for as long as somebody wants.

use std::{future::Future, io, net::SocketAddr, path::Path, sync::mpsc, thread};

use tokio::{
    net::{TcpListener, lookup_host},
    sync::watch,
    task::JoinSet,
};

use super::{
    journal::Journal,
    plan::{Place, Plan},
    seen::{Book, Side},
    tap::Tap,
};

/// Taps that listen and do not serve yet.
#[derive(Debug)]
pub struct Taps {
    /// Each with the URL that is to be used instead of the server's own.
    pub raised: Vec<Raised>,
}

/// One tap.
#[derive(Debug)]
pub struct Raised {
    /// Where it stands.
    pub side: Side,
    /// The URL of the server behind it, as it was given.
    pub instead_of: String,
    /// Its own URL, with the same path.
    pub url: String,
    to: SocketAddr,
    listener: TcpListener,
}

impl Taps {
    /// Lets every tap listen on 127.0.0.1.
    ///
    /// # Errors
    /// Which server has no address, or which port cannot be had, in words.
    pub async fn raise(plan: &Plan) -> Result<Self, String> {
        let mut raised = Vec::new();
        for (side, place) in plan.places() {
            raised.push(Raised::new(side, place).await?);
        }
        Ok(Self { raised })
    }

    /// Serves until `stop` resolves, and writes what passes into `file`, which must not be there yet.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn record(self, plan: &Plan, file: &Path, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (told, ends) = mpsc::channel();
        let book = Book::telling(told);
        let journal = Journal::begin(file, plan, book.clone())?;
        // On a thread of its own: what is written holds up nothing that passes.
        let writing = thread::spawn(move || journal.follow(&ends));
        let (ended, ending) = watch::channel(());
        let mut serving = JoinSet::new();
        for Raised { side, to, listener, .. } in self.raised {
            let tap = Tap { side, to, book: book.clone() };
            let mut ending = ending.clone();
            serving.spawn(async move {
                tap.serve(listener, async {
                    // An error is the end of whoever would have told of it.
                    let _ = ending.changed().await;
                })
                .await;
            });
        }
        stop.await;
        drop(ended);
        while serving.join_next().await.is_some() {}
        book.hush();
        tokio::task::spawn_blocking(move || writing.join())
            .await
            .map_err(io::Error::other)?
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes the recording has ended early")))
    }
}

impl Raised {
    async fn new(side: Side, place: &Place) -> Result<Self, String> {
        let wrong = |error: io::Error| format!("{}: {error}", place.url());
        let none = || wrong(io::Error::other("the name has no address"));
        let to = lookup_host(&place.authority).await.map_err(wrong)?.next().ok_or_else(none)?;
        let listener = TcpListener::bind(("127.0.0.1", place.port)).await;
        let listener = listener.map_err(|error| format!("no tap can listen on 127.0.0.1:{}: {error}", place.port))?;
        let own = listener.local_addr().map_err(wrong)?;
        Ok(Self { side, instead_of: place.url(), url: format!("http://{own}{}", place.path), to, listener })
    }
}
