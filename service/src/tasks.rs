//! Tasks that run beside those that begin them. Boxed, so that tokio's part of a task is compiled once for all of them.

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// Runs a task to its end.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let task: BoxFuture<'static, ()> = Box::pin(task);
    tokio::spawn(task);
}

/// Runs a task to its end, or until all is to stop.
pub(crate) fn spawn_until(stop: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    spawn(async move {
        stop.run_until_cancelled(task).await;
    });
}
