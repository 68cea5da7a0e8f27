//! Options that say how fresh an answer must be, and the level that `auto` chooses.

use super::failure::Failure;
use super::print::plain;
use super::reach::parse_level;
use quorate_client::auto;
use quorate_client::calls::level_name;
use quorate_client::http::Client;
use quorate_ledger::{Level, Revision};

/// Level as a command names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Chosen by what the node knows of the path.
    Auto,
    /// By its name.
    Level(Level),
}

/// Reads a level's name, or `auto`.
pub fn parse_wish(text: &str) -> Result<Wish, String> {
    if text == "auto" {
        Ok(Wish::Auto)
    } else {
        parse_level(text).map(Wish::Level).map_err(|all| format!("{all}, auto"))
    }
}

impl Wish {
    /// The level for a read or change of these paths: of the choices for each, strong if one is, else the first. Tells
    /// which one `auto` has chosen, and why.
    pub async fn level(
        self,
        client: &Client,
        domain: &str,
        paths: &[&str],
        within: Option<u64>,
    ) -> Result<Level, Failure> {
        if let Self::Level(level) = self {
            return Ok(level);
        }
        let mut choices = vec![];
        for path in paths {
            choices.push(auto::choose(&client.level_facts(domain, path).await?, within));
        }
        let strong = choices.iter().position(|choice| choice.level == Level::Strong);
        let auto::Choice { level, why } = choices.swap_remove(strong.unwrap_or_default());
        tell!("quorate: level {}: {}", level_name(level), plain(&why));
        Ok(level)
    }
}

/// Consistency that an answer must have.
#[derive(Debug, clap::Args)]
pub struct Freshness {
    /// Consistency of the answer: strong sees every write confirmed before, at any replica; auto chooses, and says why
    #[arg(long, default_value = "strong", value_parser = parse_wish, value_name = "LEVEL")]
    level: Wish,
    /// Milliseconds within which an answer is of use, for level auto
    #[arg(long, value_name = "MS")]
    within: Option<u64>,
    /// Read the files as they were at this revision
    #[arg(long, value_name = "REV")]
    at: Option<Revision>,
}

impl Freshness {
    /// The state to read, once the level is known.
    pub async fn chosen(&self, client: &Client, domain: &str, path: &str) -> Result<Fresh, Failure> {
        let level = match self.at {
            Some(_) => Level::Sequential,
            None => self.level.level(client, domain, &[path], self.within).await?,
        };
        Ok(Fresh { level, at: self.at })
    }
}

/// State to read: of a level, or at a revision.
pub struct Fresh {
    /// Consistency of the answer.
    pub level: Level,
    at: Option<Revision>,
}

impl Fresh {
    /// The level as a query's value; nothing where a revision is named, which never changes.
    pub fn level(&self) -> &'static str {
        if self.at.is_some() { "" } else { level_name(self.level) }
    }

    /// The revision as a query's value; nothing for the newest.
    pub fn at(&self) -> String {
        self.at.map(|at| at.to_string()).unwrap_or_default()
    }
}
