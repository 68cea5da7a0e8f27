//! Patterns of paths: `*` stands for any characters of one component, `**` for any components, `?` for one character.

/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 1_024;

/// Whether a pattern can be used: not empty, not too long, `**` only as a whole component.
pub fn is_pattern(pattern: &str) -> bool {
    let whole = |component: &str| component == "**" || !component.contains("**");
    let components = pattern.split('/').all(|component| !component.is_empty() && whole(component));
    components && pattern.len() <= PATTERN_BYTES_MAX
}

/// Whether a path fits a pattern. Takes at most (components of both) × (characters of both) steps.
pub fn fits(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let names: Vec<&str> = path.split('/').collect();
    // reached[n]: the parts so far fit the first n names
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for part in parts {
        reached = if part == "**" { any_names(&reached) } else { one_name(&reached, part, &names) };
    }
    reached[names.len()]
}

/// Whatever was reached, and everything after it.
fn any_names(reached: &[bool]) -> Vec<bool> {
    let mut any = false;
    let prefix = |here: &bool| {
        any |= here;
        any
    };
    reached.iter().map(prefix).collect()
}

fn one_name(reached: &[bool], part: &str, names: &[&str]) -> Vec<bool> {
    let next = |n: usize| n > 0 && reached[n - 1] && name_fits(part, names[n - 1]);
    (0..reached.len()).map(next).collect()
}

/// Matches a component against its part.
fn name_fits(part: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for wanted in part.chars() {
        reached = match wanted {
            '*' => any_names(&reached),
            _ => {
                let is_next = |n: usize| n > 0 && reached[n - 1] && (wanted == '?' || wanted == name[n - 1]);
                (0..reached.len()).map(is_next).collect()
            }
        };
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_say() {
        let cases = [
            ("**", "a/b/c", true),
            ("*", "a", true),
            ("*", "a/b", false),
            ("src/**", "src/a/b.rs", true),
            ("src/**", "src", true),
            ("src/**", "srcs/a", false),
            ("**/*.rs", "a.rs", true),
            ("**/*.rs", "x/y/a.rs", true),
            ("**/*.rs", "x/y/a.rsx", false),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c", false),
            ("v?.txt", "v1.txt", true),
            ("v?.txt", "v12.txt", false),
            ("LICENSE", "LICENSE", true),
            ("LICENSE", "license", false),
            ("*.*.*", "a.b", false),
            ("ü*", "übung", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(fits(pattern, path), expected, "{pattern} against {path}");
        }
    }

    #[test]
    fn a_pattern_that_would_explode_elsewhere_takes_few_steps() {
        let pattern = format!("{}b", "*a".repeat(100));
        assert!(!fits(&pattern, &"a".repeat(255)));
    }

    #[test]
    fn two_stars_stand_alone() {
        assert!(is_pattern("a/**/*.rs"));
        for pattern in ["", "a//b", "/a", "a**", "**a/b", &"a".repeat(1_025)] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }
}
