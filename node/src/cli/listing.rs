//! Lists of the API, whole: as JSON, as a table, and the one id in them that begins so.

use super::failure::{Failure, Outcome};
use super::print::{self, Table};
use super::reach::Reach;
use quorate_client::http::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Items that a list prints: more than any group has members or domains.
pub const LIST_MAX: usize = 100_000;

/// Prints a list of the API: its items as they came, or a table of them.
pub async fn list<T: DeserializeOwned>(
    reach: &Reach,
    path: &[&str],
    headings: &[&str],
    none: &str,
    mut row: impl FnMut(&mut Table, T),
) -> Outcome {
    let client = reach.client()?;
    let items: Vec<Value> = client.list(path, &[], LIST_MAX).await?;
    if reach.json {
        return Ok(print::json(&page(&items))?);
    }
    let mut table = Table::new(headings);
    for item in &items {
        row(&mut table, client.read(item)?);
    }
    Ok(table.print(none)?)
}

/// A whole list as the API spells one.
pub fn page(items: &impl Serialize) -> Value {
    json!({ "items": items, "next": null })
}

/// The one id in a list that begins so.
pub async fn whole(client: &Client, list: &str, beginning: &str) -> Result<String, Failure> {
    if beginning.len() >= 64 {
        return Ok(beginning.into());
    }
    let next = format!("`quorate {list} list` shows them; more digits name one of many");
    one(client, &[list], (list, &next), beginning).await
}

/// The one id in the list at an address that begins so; the list comes with its name, and with advice where none or several do.
pub async fn one(
    client: &Client,
    path: &[&str],
    (list, next): (&str, &str),
    beginning: &str,
) -> Result<String, Failure> {
    let items: Vec<Value> = client.list(path, &[], LIST_MAX).await?;
    let ids = items.iter().filter_map(|item| item["id"].as_str()).filter(|id| id.starts_with(beginning));
    match ids.collect::<Vec<_>>()[..] {
        [id] => Ok(id.into()),
        [] => Err(Failure::no(format!("no id in {list} begins with {beginning}")).next(next)),
        ref many => Err(Failure::usage(format!("{} ids in {list} begin with {beginning}", many.len())).next(next)),
    }
}
