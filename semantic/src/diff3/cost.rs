//! Upper bound of the diff engine's work for two sequences, told before it runs.
//!
//! The engine (Myers, "An O(ND) Difference Algorithm", 1986, with the cuts of git's xdiff) strips what both begin and end
//! with and what only one has. Of the rest it walks at most as many diagonals as its cap on the edit distance, each as
//! long as both together. Where a walk of our own finds a smaller distance, that many diagonals are enough.

/// Edit distance up to which the engine always searches.
const DISTANCE_MIN: u64 = 256;

/// Steps from which a smaller bound is looked for.
const WALK_MIN: u64 = 1 << 22;

/// Part of the bound that looking for a smaller one may cost.
const WALK_PART: u64 = 8;

/// Steps for the diff of two sequences of less than `ids` different elements.
pub(super) fn of(base: &[u32], side: &[u32], ids: u32) -> u64 {
    let linear = (base.len() + side.len()) as u64;
    let (base, side) = without_common_ends(base, side);
    if base.is_empty() || side.is_empty() {
        return linear;
    }
    let [base, side] = [known(base, side, ids), known(side, base, ids)];
    let kept = (base.len() + side.len()) as u64;
    if base.is_empty() || side.is_empty() {
        return linear;
    }
    let bound = kept * kept.min(DISTANCE_MIN.max(kept.isqrt() + 1));
    if bound < WALK_MIN {
        return linear + bound;
    }
    let (walked, distance) = walk(&base, &side, bound / WALK_PART);
    let found = distance.map_or(bound, |distance| kept * (2 * distance + 1));
    linear + walked + found.min(bound)
}

/// Looks of the engine in the time of a step.
const LOOKS_A_STEP: u64 = 8;

/// Occurrences from which an element is frequent in a file of any length.
const FREQUENT_MAX: u32 = 1_024;

/// Elements in front that the engine looks back over as far as it should.
const WINDOW: usize = 100;

/// Steps for what the engine looks back over before it searches: from each element that is frequent in the other sequence to the
/// last one that is known there and is not, or to the first hundred. Where many stand in a row that is their square.
pub(super) fn of_looks(base: &[u32], side: &[u32], ids: u32) -> u64 {
    let (base, side) = without_common_ends(base, side);
    (looks(base, side, ids) + looks(side, base, ids)) / LOOKS_A_STEP
}

fn looks(of: &[u32], other: &[u32], ids: u32) -> u64 {
    let mut counts = vec![0u32; ids as usize];
    other.iter().for_each(|id| counts[*id as usize] += 1);
    // The engine's root: of half as many bits.
    let frequent = FREQUENT_MAX.min(1 << ((usize::BITS - of.len().leading_zeros()) / 2));
    let (mut looks, mut row) = (0, 0);
    for (at, id) in of.iter().enumerate() {
        match counts[*id as usize] {
            0 => row += 1,
            count if count < frequent => row = 0,
            _ => {
                let first = if at > WINDOW { WINDOW } else { 0 };
                looks += row.min(at - first) as u64;
                row += 1;
            }
        }
    }
    looks
}

fn without_common_ends<'a>(a: &'a [u32], b: &'a [u32]) -> (&'a [u32], &'a [u32]) {
    let before = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[before..], &b[before..]);
    let after = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (&a[..a.len() - after], &b[..b.len() - after])
}

/// The elements that `other` has as well.
fn known(of: &[u32], other: &[u32], ids: u32) -> Vec<u32> {
    let mut has = vec![false; ids as usize];
    other.iter().for_each(|id| has[*id as usize] = true);
    of.iter().copied().filter(|id| has[*id as usize]).collect()
}

/// Steps walked, and the edit distance if it was found in at most `steps_max`.
fn walk(a: &[u32], b: &[u32], steps_max: u64) -> (u64, Option<u64>) {
    let distance_max = steps_max.isqrt() as usize;
    // How far each diagonal reaches in `a`; diagonal k stands at k + distance_max + 1.
    let mut reach = vec![0usize; 2 * distance_max + 3];
    let mut steps = reach.len() as u64;
    for distance in 0..=distance_max {
        for back in (0..=2 * distance).step_by(2) {
            let at = distance_max + 1 + distance - back;
            let (above, below) = (reach[at + 1], reach[at - 1]);
            // Down from the diagonal above, or to the right from the one below.
            let goes_down = back == 2 * distance || (back > 0 && below < above);
            let mut x = if distance == 0 {
                0
            } else if goes_down {
                above
            } else {
                below + 1
            };
            let Some(mut y) = (x + distance_max + 1).checked_sub(at) else { continue };
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y, steps) = (x + 1, y + 1, steps + 1);
            }
            reach[at] = x;
            steps += 1;
            if x >= a.len() && y >= b.len() {
                return (steps, Some(distance as u64));
            }
            if steps >= steps_max {
                return (steps, None);
            }
        }
    }
    (steps, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_finds_the_edit_distance() {
        let cases: [(&[u32], &[u32], u64); 4] =
            [(&[1, 2, 3], &[1, 2, 3], 0), (&[1, 2, 3], &[1, 3], 1), (&[1, 2, 3], &[4, 1, 3], 2), (&[1], &[2, 3], 3)];
        for (a, b, distance) in cases {
            assert_eq!(walk(a, b, 1_000).1, Some(distance), "{a:?} {b:?}");
            assert_eq!(walk(b, a, 1_000).1, Some(distance), "{b:?} {a:?}");
        }
        assert_eq!(walk(&[1; 100], &[2; 100], 100).1, None);
    }

    #[test]
    fn frequent_elements_in_a_row_cost_a_square_and_others_between_them_end_it() {
        let row = |middle: Vec<u32>| [vec![1], middle, vec![2]].concat();
        let (equal, changed) = (row(vec![0; 1_000]), [vec![3], vec![0; 1_000], vec![4]].concat());
        assert!((400_000..500_000).contains(&looks(&equal, &changed, 5)));
        let parted = (0..1_000).map(|at| if at % 10 == 0 { at } else { 0 }).collect::<Vec<u32>>();
        assert!(looks(&row(parted.clone()), &[vec![3], parted, vec![4]].concat(), 1_000) < 10_000);
    }

    #[test]
    fn few_edits_of_a_long_sequence_cost_little_and_many_cost_no_square() {
        let long: Vec<u32> = (0..400_000).map(|i| i % 1_000).collect();
        let edited = [&[7][..], &long[..200_000], &[8], &long[200_000..], &[9]].concat();
        assert!(of(&long, &edited, 1_000) < 20_000_000);
        let shuffled: Vec<u32> = (0..400_000u64).map(|i| (i * i * 31 % 1_009 % 1_000) as u32).collect();
        assert!(of(&long, &shuffled, 1_000) < 1 << 30);
    }
}
