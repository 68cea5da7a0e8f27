//! Lists come in pages.

use super::problem::{Answer, Failure};
use serde::Deserialize;

/// Items of a page unless asked otherwise.
const LIMIT: usize = 100;
/// Items of a page at most.
pub const LIMIT_MAX: usize = 1_000;

/// `from=` and `limit=` of a list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Cut {
    /// The cursor that the page before gave.
    pub from: Option<String>,
    /// Count of items, at most. As text: a query's parts have no types.
    pub limit: Option<String>,
}

impl Cut {
    /// Count of items to answer with.
    pub fn limit(&self) -> Answer<usize> {
        let Some(text) = self.limit.as_deref().filter(|text| !text.is_empty()) else { return Ok(LIMIT) };
        let limit: usize = text.parse().map_err(|_| Failure::bad_request(format!("limit: {text:?} is no number")))?;
        Ok(limit.clamp(1, LIMIT_MAX))
    }

    /// The cursor as what it was made of.
    pub fn cursor<T: std::str::FromStr>(&self) -> Answer<Option<T>> {
        let parse = |text: &String| text.parse().map_err(|_| Failure::bad_request(format!("{text:?} is no cursor")));
        self.from.as_ref().filter(|text| !text.is_empty()).map(parse).transpose()
    }
}
