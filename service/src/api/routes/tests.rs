//! Readers of each address: as the documentation says, and no more of them than was meant.

use super::*;

/// Addresses whose answers tell nothing of what stands in a domain: no content, path, message or rule of it, and no envelope. A
/// new address comes here only once somebody has looked at all that its answer can hold.
const FOR_ALL: [&str; 19] = [
    "GET /",
    "GET /healthz",
    "GET /readyz",
    "GET /v1/checkpoints",
    "GET /v1/epochs",
    "GET /v1/evidence",
    "GET /v1/health",
    "GET /v1/identities",
    "GET /v1/issues",
    "GET /v1/limits",
    "GET /v1/members",
    "GET /v1/observers",
    "GET /v1/partitions",
    "GET /v1/policy",
    "GET /v1/status",
    "GET /version",
    "POST /v1/envelopes",
    "POST /v1/envelopes/stream",
    "POST /v1/members/plan",
];

fn named(route: &Route) -> String {
    let method = match route.request {
        Request::Get => "GET",
        Request::PutJson(_) => "PUT",
        Request::Act | Request::PostBytes | Request::PostStream | Request::PostJson(_) => "POST",
    };
    format!("{method} {}", route.path)
}

/// Rows of a table in the documentation, by its head.
fn documented(head: &str) -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let text = std::fs::read_to_string(page).expect("a page");
    let table = text.split(&format!("{head}\n|---|---|\n")).nth(1).expect("a table");
    let mut rows: Vec<String> = table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect();
    rows.sort();
    rows
}

/// Rows of the routes for which there is a second cell.
fn rows(cell: impl Fn(Readers) -> Option<String>) -> Vec<String> {
    let row = |route: Route| Some(format!("| `{}` | {} |", named(&route), cell(route.readers)?));
    let mut rows: Vec<String> = table().into_iter().filter_map(row).collect();
    rows.sort();
    rows
}

#[test]
fn the_table_of_addresses_and_roles_is_that_of_the_routes() {
    let of_routes = rows(|readers| if let Readers::Operators(role) = readers { Some(role.to_string()) } else { None });

    assert!(!of_routes.is_empty());
    assert_eq!(documented("| address | role |"), of_routes);
}

#[test]
fn the_table_of_addresses_that_tell_of_domains_is_that_of_the_routes() {
    let of_routes = rows(|readers| match readers {
        Readers::Domain => Some("that domain".to_owned()),
        Readers::Group => Some("any domain".to_owned()),
        Readers::Clients | Readers::Operators(_) => None,
    });

    assert_eq!(documented("| address | takes a token while not everyone may read |"), of_routes);
}

#[test]
fn an_address_below_a_domain_is_never_open_to_every_client() {
    let of_domains: Vec<Route> = table().into_iter().filter(|route| route.path.contains("{domain}")).collect();

    assert!(!of_domains.is_empty());
    for route in of_domains {
        assert!(matches!(route.readers, Readers::Domain | Readers::Group), "{}", named(&route));
    }
}

#[test]
fn an_address_is_open_to_every_client_only_where_its_answer_was_looked_at() {
    let open = table().into_iter().filter(|route| route.readers == Readers::Clients);
    let mut open: Vec<String> = open.map(|route| named(&route)).collect();
    open.sort();

    assert_eq!(open, FOR_ALL);
}

#[test]
fn an_address_is_read_by_its_domain_only_where_it_names_one() {
    for route in table().into_iter().filter(|route| route.readers == Readers::Domain) {
        assert!(route.path.starts_with("/v1/domains/{domain}/"), "{}", named(&route));
    }
}
