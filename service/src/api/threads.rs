//! Threads of the API: two runtimes of its own, whose threads give way to those that agree, execute and speak with members.
//!
//! Requests of strangers are a load that nobody bounds in advance. On threads with the votes they made members wait for each
//! other, and so every author of the group; on threads with authors whose changes were let in they made these wait. Here they
//! wait for each other.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::{io, thread};
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads of each runtime that read the disk or hash for requests; what else there is to do waits. By itself a runtime makes 512,
/// each with 2 MiB of addresses and memory that the allocator keeps for it: requests of strangers made 226 of them, and half a
/// gibibyte.
const BLOCKING_THREADS_MAX: usize = 64;

/// How much nicer than the process are threads for those whom the door knows: what they write is bounded by the paces of authors,
/// what they read is not, and behind one proxy strangers are among them. A thread that agrees, executes or speaks with members has twice
/// their share where both want the processor.
const NICER: i32 = 3;

/// How much nicer threads are that hash and read the disk for strangers: where all want the processor, a thirtieth of the share
/// of a thread that agrees is left for each, and those wake before they go on.
const STRANGERS_NICER: i32 = 15;

/// How much nicer threads are that read what strangers ask and answer it: a sixth of that share, or a probe waits for seconds
/// behind what a flood has to be hashed.
const STRANGERS_ANSWERS_NICER: i32 = 8;

#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// Does work on a thread of its own that is as nice as one can be: copies of the whole state are read for minutes, and a thread of
/// the API would have authors of this replica wait for each part. Fails where the system gives no thread.
pub fn after_all_others<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    nicest(thread::Builder::new(), work)
}

/// Makes the thread that calls it, and those that it starts, as nice as those that answer strangers.
pub(crate) fn among_strangers() {
    #[cfg(target_os = "linux")]
    giving_way(STRANGERS_ANSWERS_NICER)();
}

fn nicest<T: Send>(builder: thread::Builder, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let work = || {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICEST);
        work()
    };
    thread::scope(|threads| {
        let done = builder.spawn_scoped(threads, work)?.join();
        Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Threads of the API. Dropping them ends what runs there, but for reads that are under way.
pub struct Threads {
    known: Background,
    strangers: Background,
}

impl Threads {
    /// Two for each core of the machine, which wait for work.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            known: Background::new("api", NICER, NICER)?,
            strangers: Background::new("api-strangers", STRANGERS_ANSWERS_NICER, STRANGERS_NICER)?,
        })
    }

    /// Threads on which those are served whom the door knows.
    pub fn known(&self) -> Handle {
        self.known.handle().clone()
    }

    /// Threads on which all others are served.
    pub fn strangers(&self) -> Handle {
        self.strangers.handle().clone()
    }
}

thread_local! {
    /// Tells whether this thread that answers has been idle once.
    static HAS_PARKED: Cell<bool> = const { Cell::new(false) };
}

/// A runtime that never makes the thread that drops it wait, which no task of another runtime may do.
struct Background(Option<Runtime>);

impl Background {
    /// A thread that answers for each core, and others for work that blocks. Tokio runs both kinds on threads of one pool, and a
    /// thread takes the work that it finds first: when this returns, each that answers has begun to, and blocking work finds others.
    fn new(name: &str, answers_nicer: i32, blocking_nicer: i32) -> io::Result<Self> {
        let answering = thread::available_parallelism().map_or(1, NonZero::get);
        let (answers, blocks) = (giving_way(answers_nicer), giving_way(blocking_nicer));
        let begun = AtomicUsize::new(0);
        let all_idle = Arc::new(Barrier::new(answering + 1));
        let one_idle = all_idle.clone();
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().thread_name(name).worker_threads(answering).max_blocking_threads(BLOCKING_THREADS_MAX);
        builder.on_thread_start(move || match begun.fetch_add(1, Ordering::Relaxed) < answering {
            true => answers(),
            false => blocks(),
        });
        builder.on_thread_park(move || {
            if !HAS_PARKED.replace(true) {
                one_idle.wait();
            }
        });
        let runtime = builder.build()?;
        all_idle.wait();
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("taken by the drop alone").handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Makes the thread that calls it nicer than the one that asks for it now. Where the system does not allow it, nothing is worse
/// than without.
#[cfg(target_os = "linux")]
fn giving_way(nicer: i32) -> impl Fn() + Send + Sync {
    use rustix::process::{getpriority_process, setpriority_process};
    // On Linux no process means this thread. One that the runtime starts later begins as nice as the one that starts it.
    let nice = getpriority_process(None).map(|nice| nice + nicer);
    move || {
        let _ = nice.and_then(|nice| setpriority_process(None, nice));
    }
}

#[cfg(not(target_os = "linux"))]
fn giving_way(_nicer: i32) -> impl Fn() + Send + Sync {
    || ()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn work_after_all_others_is_done_on_the_nicest_thread() {
        let nice = || getpriority_process(None).expect("its own");
        let own = nice();
        assert_eq!((after_all_others(nice).expect("a thread"), nice()), (NICEST, own));
    }

    #[test]
    fn work_for_which_there_is_no_thread_is_refused() {
        let builder = thread::Builder::new().stack_size(1 << 60);
        assert!(nicest(builder, || ()).is_err());
    }

    #[tokio::test]
    async fn tasks_and_blocking_work_of_the_api_are_nicer_than_the_thread_that_starts_them() {
        let own = getpriority_process(None).expect("its own");
        let threads = Threads::new().expect("threads");
        let nice = || getpriority_process(None).expect("its own");

        let at_work =
            threads.known().spawn(async move { (nice(), tokio::task::spawn_blocking(nice).await.expect("no panic")) });

        let expected = (own + NICER).min(19);
        assert_eq!(at_work.await.expect("no panic"), (expected, expected));
        assert_eq!(nice(), own);

        let for_strangers = threads
            .strangers()
            .spawn(async move { (nice(), tokio::task::spawn_blocking(nice).await.expect("no panic")) });

        let expected = [STRANGERS_ANSWERS_NICER, STRANGERS_NICER].map(|nicer| (own + nicer).min(19));
        assert_eq!(for_strangers.await.expect("no panic"), expected.into());
    }

    #[test]
    fn a_thread_among_strangers_and_those_that_it_starts_are_as_nice_as_those_that_answer_them() {
        let nice = || getpriority_process(None).expect("its own");
        let own = nice();
        let started = thread::spawn(move || {
            among_strangers();
            (nice(), thread::spawn(nice).join().expect("no panic"))
        });
        let expected = (own + STRANGERS_ANSWERS_NICER).min(19);
        assert_eq!((started.join().expect("no panic"), nice()), ((expected, expected), own));
    }

    #[tokio::test]
    async fn the_first_blocking_work_of_a_runtime_never_runs_on_a_thread_that_is_to_answer() {
        let own = getpriority_process(None).expect("its own");
        let nice = || getpriority_process(None).expect("its own");
        let expected = [STRANGERS_ANSWERS_NICER, STRANGERS_NICER].map(|nicer| (own + nicer).min(19));
        for _ in 0..500 {
            let threads = Background::new("test", STRANGERS_ANSWERS_NICER, STRANGERS_NICER).expect("threads");
            let blocks = threads.handle().spawn_blocking(nice);
            let answers = threads.handle().spawn(async move { nice() });
            assert_eq!([answers.await.expect("no panic"), blocks.await.expect("no panic")], expected);
        }
    }
}
