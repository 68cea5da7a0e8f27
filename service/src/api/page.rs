//! Lists come in pages.

use super::problem::{Answer, Failure};
use super::service::Service;
use axum::response::Response;
use quorate_client::api::Page;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Items of a page unless asked otherwise.
const LIMIT: usize = 100;
/// Items of a page at most.
pub const LIMIT_MAX: usize = 1_000;
/// Bytes of a page: it ends with the item that passes them.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// `from=` and `limit=` of a list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Cut {
    /// The cursor that the page before gave; none or an empty one for the first.
    pub from: Option<String>,
    /// Count of items, at most. As text: a query's parts have no types.
    #[schemars(with = "Option<u32>", range(max = u32::MAX))]
    pub limit: Option<String>,
}

impl Cut {
    /// Count of items to answer with.
    pub fn limit(&self) -> Answer<usize> {
        let Some(text) = self.limit.as_deref() else { return Ok(LIMIT) };
        let limit: u32 = text.parse().map_err(|_| Failure::bad_request(format!("limit: {text:?} is no number")))?;
        Ok((limit as usize).clamp(1, LIMIT_MAX))
    }

    /// The cursor as what it was made of.
    pub fn cursor<T: FromStr>(&self) -> Answer<Option<T>> {
        parsed(self.from.as_deref().filter(|text| !text.is_empty()))
    }
}

/// A cursor as what it was made of.
pub fn parsed<T: FromStr>(cursor: Option<&str>) -> Answer<Option<T>> {
    let parse = |text: &str| text.parse().map_err(|_| Failure::bad_request(format!("{text:?} is no cursor")));
    cursor.map(parse).transpose()
}

/// Answers with JSON, made where disk and processor may be used.
pub async fn json<T: Serialize>(
    service: &Service,
    read: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<Response> {
    let write = move || Ok(serde_json::to_vec(&read()?).expect("an answer is plain data"));
    service.answers.send(JSON, write).await
}

/// Answers with a page of a long list, made where disk and processor may be used.
pub async fn page<T: Serialize>(
    service: &Service,
    cut: Cut,
    step: usize,
    cursor: impl Fn(&T) -> String + Send + 'static,
    read: impl FnMut(Option<&str>, usize) -> Answer<Page<T>> + Send + 'static,
) -> Answer<Response> {
    page_of_history(service, cut, step, cursor, read, |_| Ok(Ending::default())).await
}

/// Words of a page of history about what it does not tell.
#[derive(Default)]
pub struct Ending {
    /// The slot with which the list begins here, on the last page of one whose end is forgotten.
    pub begins: Option<u64>,
    /// Whether items are left out here.
    pub gaps: bool,
}

/// The same of a list that may have gaps and whose end may be forgotten; `end` is told whether the page is the last.
pub async fn page_of_history<T: Serialize>(
    service: &Service,
    cut: Cut,
    step: usize,
    cursor: impl Fn(&T) -> String + Send + 'static,
    read: impl FnMut(Option<&str>, usize) -> Answer<Page<T>> + Send + 'static,
    end: impl FnOnce(bool) -> Answer<Ending> + Send + 'static,
) -> Answer<Response> {
    let limit = cut.limit()?;
    let from = cut.from.filter(|from| !from.is_empty());
    let make = move || {
        let (json, next) = filled(from, limit, step, cursor, read)?;
        let ending = end(next.is_none())?;
        Ok(ended(json, next, &ending))
    };
    service.answers.send(JSON, make).await
}

const JSON: &str = "application/json";

/// Items of a page, without its end, and its cursor. It is read in steps of a few items, until it has as many as asked for, or the item that passes
/// [`PAGE_BYTES_MAX`], or a step finds fewer than it looked for.
fn filled<T: Serialize>(
    mut from: Option<String>,
    limit: usize,
    step: usize,
    cursor: impl Fn(&T) -> String,
    mut read: impl FnMut(Option<&str>, usize) -> Answer<Page<T>>,
) -> Answer<(Vec<u8>, Option<String>)> {
    let (mut json, mut count) = (br#"{"items":["#.to_vec(), 0);
    loop {
        let wanted = step.min(limit - count);
        let Page { items, next } = read(from.as_deref(), wanted)?;
        let found = items.len();
        for (place, item) in items.iter().enumerate() {
            if json.last() != Some(&b'[') {
                json.push(b',');
            }
            serde_json::to_writer(&mut json, item).expect("an item is plain data");
            if json.len() >= PAGE_BYTES_MAX && place + 1 < found {
                return Ok((json, Some(cursor(item))));
            }
        }
        count += found;
        if next.is_none() || found < wanted || count == limit || json.len() >= PAGE_BYTES_MAX {
            return Ok((json, next));
        }
        from = next;
    }
}

fn ended(mut json: Vec<u8>, next: Option<String>, ending: &Ending) -> Vec<u8> {
    json.extend_from_slice(br#"],"next":"#);
    serde_json::to_writer(&mut json, &next).expect("a cursor is plain data");
    if let Some(slot) = ending.begins {
        json.extend_from_slice(format!(r#","begins":{slot}"#).as_bytes());
    }
    if ending.gaps {
        json.extend_from_slice(br#","gaps":true"#);
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of texts that are called by their places.
    fn page_of(bytes: usize, count: usize, from: Option<String>, limit: usize) -> Page<(usize, String)> {
        let read = |from: Option<&str>, limit: usize| {
            let first = from.map_or(0, |from| from.parse::<usize>().expect("a place") + 1);
            let end = count.min(first + limit);
            let items = (first..end).map(|place| (place, "x".repeat(bytes))).collect();
            Ok(Page { items, next: (end < count).then(|| (end - 1).to_string()) })
        };
        let filled = filled(from, limit, 4, |item: &(usize, String)| item.0.to_string(), read);
        let (json, next) = filled.expect("no disk");
        let json = ended(json, next, &Ending::default());
        assert!(json.len() < PAGE_BYTES_MAX + bytes + 100);
        serde_json::from_slice(&json).expect("JSON")
    }

    #[test]
    fn pages_lead_to_every_item_once_whatever_they_weigh() {
        for bytes in [1, 300_000, 2 << 20] {
            let (mut found, mut from) = (vec![], None);
            loop {
                let page = page_of(bytes, 11, from, 7);
                found.extend(page.items.iter().map(|item| item.0));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            assert_eq!(found, (0..11).collect::<Vec<_>>(), "{bytes} bytes each");
        }
    }

    #[test]
    fn a_page_ends_at_its_limit_and_at_the_end_of_the_list() {
        assert_eq!(page_of(1, 11, None, 7).next.as_deref(), Some("6"));
        assert_eq!(page_of(1, 7, None, 7).next, None);
        assert_eq!(page_of(1, 0, None, 7).items, []);
    }
}
