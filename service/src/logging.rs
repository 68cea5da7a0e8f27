//! Logs go to standard error, for people or as one JSON object a line.

use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

/// Filter of this process, once logging has started.
static FILTER: OnceLock<Filter> = OnceLock::new();

/// A filter that can be set while the process runs.
struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    words: Mutex<String>,
}

/// Libraries that tell of each thing that a peer does: a peer must not fill the log. A filter that names them wins.
const QUIET: &str = "yamux=off,libp2p=off,libp2p_swarm=warn,libp2p_tcp=warn";

/// Readers of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

impl LogFormat {
    /// Names of the formats, as flags and the environment write them.
    pub const NAMES: [&str; 2] = ["text", "json"];
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no log format: text or json")),
        }
    }
}

/// A filter that `tracing` does not understand.
#[derive(Debug, thiserror::Error)]
#[error("log filter {filter:?}: {why}")]
pub struct LogError {
    filter: String,
    why: String,
}

/// Starts logging for this process. A second call changes nothing: the first one's settings stay.
pub fn start(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let (layer, handle) = reload::Layer::new(quiet(filter)?);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(is_terminal()).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // An error means that a subscriber is there already, as in a process that runs several replicas.
    if tracing_subscriber::registry().with(layer).with(lines).try_init().is_ok() {
        let _ = FILTER.set(Filter { handle, words: Mutex::new(filter.to_owned()) });
    }
    Ok(())
}

/// Refuses a filter that `tracing` does not understand.
pub fn check(filter: &str) -> Result<(), LogError> {
    quiet(filter).map(|_| ())
}

/// The filter in force; none where logging has not started.
pub fn current() -> Option<String> {
    FILTER.get().map(|filter| filter.words.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Sets the filter of the running process, until it ends.
pub fn set(words: &str) -> Result<(), LogError> {
    let parsed = quiet(words)?;
    let Some(filter) = FILTER.get() else { return Ok(()) };
    let mut known = filter.words.lock().unwrap_or_else(PoisonError::into_inner);
    filter.handle.reload(parsed).map_err(|why| LogError { filter: words.to_owned(), why: why.to_string() })?;
    words.clone_into(&mut known);
    Ok(())
}

/// A word of a filter that names neither a level nor a module with one: a misspelt level would silence all.
fn stray(filter: &str) -> Option<&str> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level =
        |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) || word.parse::<u8>().is_ok();
    let is_plain = |word: &&str| !word.is_empty() && !word.contains(['=', '[', ']', '{', '}', '"']);
    filter.split(',').map(str::trim).filter(is_plain).find(|word| !is_level(word))
}

/// A filter under which libraries are silent unless it names them.
fn quiet(filter: &str) -> Result<EnvFilter, LogError> {
    if let Some(word) = stray(filter) {
        let why = format!("{word} is no level; a module has one, as in {word}=info");
        return Err(LogError { filter: filter.to_owned(), why });
    }
    let parsed = EnvFilter::try_new(format!("{QUIET},{filter}"));
    parsed.map_err(|error| LogError { filter: filter.to_owned(), why: error.to_string() })
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Log under a filter when a peer opens too many streams, and a replica says something.
    fn log(filter: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let builder = tracing_subscriber::fmt().with_env_filter(quiet(filter).expect("a filter"));
        tracing::subscriber::with_default(builder.with_writer(move || writer.clone()).finish(), || {
            tracing::error!(target: "yamux::connection", "maximum number of streams reached");
            tracing::warn!(target: "libp2p_swarm", "a word of the swarm");
            tracing::info!("a word of ours");
        });
        let bytes = page.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_peer_that_opens_streams_without_end_writes_no_line_of_the_log() {
        let said = log("info");
        assert!(said.contains("a word of ours") && said.contains("a word of the swarm"), "{said}");
        assert!(!said.contains("maximum number of streams"), "{said}");
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_and_a_module_with_one_is_not() {
        let why = check("inof").expect_err("no level").to_string();
        assert!(why.contains("inof is no level; a module has one, as in inof=info"), "{why}");
        for filter in ["info", "WARN,quorate_service=debug", "off", "", "info,[span{field=1}]=debug"] {
            assert!(check(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_filter_that_names_a_library_hears_it() {
        assert!(log("info,yamux=error").contains("maximum number of streams"));
    }
}
