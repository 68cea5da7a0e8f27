//! Patterns of paths: `*` stands for any characters of one component, `**` for any components, `?` for one character.

use core::cell::Cell;

/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 1_024;

/// Whether a pattern can be used: not empty, not too long, `**` only as a whole component.
pub fn is_pattern(pattern: &str) -> bool {
    let whole = |component: &str| component == "**" || !component.contains("**");
    let components = pattern.split('/').all(|component| !component.is_empty() && whole(component));
    components && pattern.len() <= PATTERN_BYTES_MAX
}

/// Steps of a look at a component: several characters are looked at to tell it from the next.
const COMPONENT_STEPS: u64 = 32;

/// Whether a path fits a pattern.
pub fn fits(pattern: &str, path: &str) -> bool {
    fits_counted(pattern, path, &Cell::new(0))
}

/// Whether a path fits a pattern; adds the steps that it took: one for each look at a character, 32 for each at a component. At
/// most (components of both) × 32 + (characters of both), multiplied.
pub(crate) fn fits_counted(pattern: &str, path: &str, steps: &Cell<u64>) -> bool {
    let fits_name = |part: &str, name: &str| {
        let fits_char = |wanted, char| wanted == '?' || wanted == char;
        part == name || row_fits((part.chars(), name.chars()), '*', fits_char, (1, steps))
    };
    starts_fit(pattern.bytes(), path.bytes(), steps)
        && starts_fit(pattern.bytes().rev(), path.bytes().rev(), steps)
        && row_fits((pattern.rsplit('/'), path.rsplit('/')), "**", fits_name, (COMPONENT_STEPS, steps))
}

/// Whether a path may fit by its bytes before the first star or question mark: most patterns fit no further.
fn starts_fit(mut pattern: impl Iterator<Item = u8>, mut path: impl Iterator<Item = u8>, steps: &Cell<u64>) -> bool {
    loop {
        steps.update(|taken| taken + 1);
        match (pattern.next(), path.next()) {
            (Some(b'*' | b'?'), _) | (Some(b'/'), None) | (None, None) => return true,
            (Some(wanted), Some(byte)) if wanted == byte => (),
            _ => return false,
        }
    }
}

/// Whether a row fits its parts, of which `any` stands for any row. Parts behind an `any` come to the first place where they fit,
/// so that only the last one is tried again.
fn row_fits<P, N>(
    (mut parts, mut row): (P, N),
    any: P::Item,
    fits: impl Fn(P::Item, N::Item) -> bool,
    (cost, steps): (u64, &Cell<u64>),
) -> bool
where
    P: Iterator<Item: Copy + PartialEq> + Clone,
    N: Iterator<Item: Copy> + Clone,
{
    let mut again = None;
    loop {
        steps.update(|taken| taken + cost);
        match parts.next() {
            Some(part) if part == any => {
                again = Some((parts.clone(), row.clone()));
                continue;
            }
            Some(part) => match row.next() {
                Some(next) if fits(part, next) => continue,
                Some(_) => (),
                None => return false,
            },
            None if row.clone().next().is_none() => return true,
            None => (),
        }
        let Some((after, from)) = &mut again else { return false };
        if from.next().is_none() {
            return false;
        }
        (parts, row) = (after.clone(), from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// The same as going through all places that each part may reach, which every replica did before.
    fn fits_somehow(pattern: &str, path: &str) -> bool {
        fn reached<T: Copy, N: Copy>(
            (parts, row): (&[T], &[N]),
            is_any: fn(T) -> bool,
            fits: fn(T, N) -> bool,
        ) -> bool {
            let mut reached = vec![false; row.len() + 1];
            reached[0] = true;
            for part in parts {
                let before = reached.clone();
                for (n, here) in reached.iter_mut().enumerate() {
                    *here = match is_any(*part) {
                        true => before[..=n].contains(&true),
                        false => n > 0 && before[n - 1] && fits(*part, row[n - 1]),
                    };
                }
            }
            reached[row.len()]
        }
        fn fits_name(part: &str, name: &str) -> bool {
            let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
            reached((&part, &name), |wanted| wanted == '*', |wanted, char| wanted == '?' || wanted == char)
        }
        let (parts, names): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
        reached((&parts, &names), |part| part == "**", fits_name)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_path_fits_where_its_parts_reach_its_end_somehow(
            pattern in "([abü]|[*?/]|/[*][*]/|[*]a){0,9}",
            path in "([aab]|[ü/]|[*?]){0,9}",
        ) {
            prop_assert_eq!(fits(&pattern, &path), fits_somehow(&pattern, &path), "{} against {}", pattern, path);
        }
    }

    #[test]
    fn no_pattern_takes_more_steps_than_its_components_and_characters_allow() {
        let name = "a".repeat(255);
        let path = vec![name.as_str(); 16].join("/");
        for pattern in
            [format!("**/*{}b*", "a".repeat(127)), format!("{}b", "**/*a*?a*/".repeat(100)), "**/a/".repeat(200)]
        {
            let steps = Cell::new(0);
            fits_counted(&pattern, &path, &steps);
            let (parts, chars) = (pattern.split('/').count() as u64 * 17, (pattern.len() * path.len()) as u64);
            assert!(steps.get() <= 2 * (parts * COMPONENT_STEPS + chars), "{pattern}: {} steps", steps.get());
        }
    }

    #[test]
    fn two_stars_stand_alone() {
        assert!(is_pattern("a/**/*.rs"));
        for pattern in ["", "a//b", "/a", "a**", "**a/b", &"a".repeat(1_025)] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }
}
