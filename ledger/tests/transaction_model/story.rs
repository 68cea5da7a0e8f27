//! Stories of envelopes, chosen at random.

use super::*;

fn any_edit() -> impl Strategy<Value = Edits> {
    prop_oneof![
        5 => (0..PATHS.len(), 0u8..4).prop_map(|(path, content)| Edits::Put(path, content)),
        1 => (0..PATHS.len()).prop_map(Edits::Delete),
    ]
}

fn any_part() -> impl Strategy<Value = Part> {
    let edits = proptest::collection::vec(any_edit(), 0..3);
    (edits, prop_oneof![3 => Just(0), 2 => 0..BACK_MAX], any::<bool>()).prop_map(|(edits, back, sees)| Part {
        edits,
        back,
        sees,
    })
}

fn any_off() -> impl Strategy<Value = i8> {
    prop_oneof![8 => Just(0i8), 1 => Just(1i8), 1 => Just(-1i8)]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let step = prop_oneof![8 => 0usize..2, 1 => Just(2usize)];
    let anchor = prop_oneof![3 => Just(None), 1 => (0..BACK_MAX).prop_map(Some)];
    (step, any_part(), any_off(), prop::bool::weighted(0.05), anchor)
        .prop_map(|(step, part, seq_off, stale, anchor)| Entry { step, part, seq_off, stale, anchor })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let path = || 0..PATHS.len();
    let outside = prop_oneof![3 => Just(None), 1 => (0..AUTHORS, 0..DOMAINS.len(), -1i8..2).prop_map(Some)];
    prop_oneof![
        1 => path().prop_map(Deed::Lock),
        1 => path().prop_map(Deed::Release),
        3 => any_edit().prop_map(Deed::Write),
        4 => (proptest::collection::vec(any_part(), 2..4), outside)
            .prop_map(|(parts, outside)| Deed::Composition(parts, outside)),
        6 => (any_part(), proptest::collection::vec(any_entry(), 1..4)).prop_map(|(own, mut entries)| {
            entries.sort_by_key(|entry| entry.step);
            entries.dedup_by_key(|entry| entry.step);
            Deed::Transaction(own, entries)
        }),
    ]
}

pub fn any_sent() -> impl Strategy<Value = Sent> {
    (0..AUTHORS, 0..DOMAINS.len(), any_off(), prop::bool::weighted(0.05), any_deed())
        .prop_map(|(who, domain, seq_off, stale, deed)| Sent { who, domain, seq_off, stale, deed })
}
