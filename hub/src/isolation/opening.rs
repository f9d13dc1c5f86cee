//! One opening for all who wait for it, carried by a task of its own.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use tokio::sync::watch;

/// Something that is being opened. Whoever waits may leave; the opening goes on for the others.
#[derive(Debug)]
pub(super) struct Opening<V, E> {
    result: watch::Receiver<Option<Result<V, E>>>,
}

/// The end that tells everyone.
pub(super) type Opened<V, E> = watch::Sender<Option<Result<V, E>>>;

/// Begins an opening.
pub(super) fn begin<V, E>() -> (Opened<V, E>, Opening<V, E>) {
    let (opened, result) = watch::channel(None);
    (opened, Opening { result })
}

impl<V: Clone, E: Clone> Opening<V, E> {
    /// What came of it; `None` where the opener died without a word.
    pub(super) async fn wait(mut self) -> Option<Result<V, E>> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

impl<V, E> Clone for Opening<V, E> {
    fn clone(&self) -> Self {
        Self { result: self.result.clone() }
    }
}
