//! `GET /version` and `/v1/log`.

use serde::{Deserialize, Serialize};

/// The program that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Version {
    /// Version of the program.
    pub version: String,
    /// Commit that it was built from; `unknown` where the build was not told.
    pub commit: String,
    /// Compiler that built it.
    pub rustc: String,
    /// Version of the rules by which replicas execute; those of a group have the same.
    pub rules: String,
}

/// Levels of the log: answer of `GET /v1/log`, body and answer of `PUT /v1/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLevels {
    /// The filter, as `log` of the configuration writes it.
    pub filter: String,
}
