//! Which licences come in with the dependencies.

use crate::sources::metadata;

/// Licences that put no duty on our users beyond a notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// In the lock file through features that nothing turns on; never compiled.
const NEVER_COMPILED: &[&str] = &["attohttpc"];

#[test]
fn every_dependency_has_a_permissive_licence() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or_default();
        let fine = is_permissive(licence) || NEVER_COMPILED.contains(&name);
        assert!(fine, "`{name}` comes under `{licence}`");
    }
}

/// Any alternative of `A OR B` will do; of `A AND B` each must.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let allowed = |term: &str| ALLOWED.contains(&term.trim());
    expression.split(" AND ").all(|part| part.split(" OR ").any(allowed))
}
