//! `GET /version` and `/v1/log`.

use quorate_ledger::RulesRange;
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
    /// Name of the newest rules by which it can execute.
    pub rules: String,
    /// Numbers of the rules by which it can execute; a group's are in `GET /v1/members`.
    pub executes: RulesRange,
    /// Version of the messages between members, who link to equal ones.
    pub wire: u16,
}

/// Levels of the log: answer of `GET /v1/log`, body and answer of `PUT /v1/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLevels {
    /// The filter, as `log` of the configuration writes it.
    pub filter: String,
}
