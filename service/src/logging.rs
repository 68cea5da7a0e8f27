//! Logs go to standard error, for people or as one JSON object a line.

use serde::{Deserialize, Serialize};
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

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
    let parsed = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| LogError { filter: filter.to_owned(), why: error.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    // An error means that a subscriber is there already, as in a process that runs several replicas.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
