//! Addresses that a book takes in, forgets and gives out.

use super::*;
use crate::discovery::record::{LIFETIME_MAX, Record};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};

fn key(seed: u8) -> PublicKey {
    Ed25519Signer::from_seed(&[seed; 32]).public_key()
}

fn place(address: &str) -> Place {
    Place { door: Entrance::Members, address: address.parse().unwrap() }
}

fn record(seed: u8, issued_ms: u64, addresses: &[&str]) -> Signed {
    let places = addresses.iter().map(|address| place(address)).collect();
    let record = Record { key: key(seed), issued_ms, lifetime: LIFETIME_MAX, places };
    record.sign(&Digest::ZERO, &Ed25519Signer::from_seed(&[seed; 32]))
}

/// A book that knows the keys 1 and 2.
fn book() -> Book {
    let mut book = Book::new(Ranges::default(), 1);
    book.know([key(1), key(2)]);
    book
}

fn keeps(book: &mut Book, signed: Signed, now: Instant) -> bool {
    book.keep(signed, Duration::ZERO, now)
}

const ONE: &str = "/ip4/203.0.113.1/tcp/7700";
const TWO: &str = "/ip4/203.0.113.1/tcp/7701";

#[test]
fn a_later_record_replaces_an_earlier_one_and_not_the_other_way_round() {
    let (mut book, now) = (book(), Instant::now());

    assert!(keeps(&mut book, record(1, 10, &[ONE]), now));
    assert!(keeps(&mut book, record(1, 11, &[TWO]), now));
    assert!(!keeps(&mut book, record(1, 10, &[ONE]), now) && !keeps(&mut book, record(1, 11, &[ONE]), now));

    assert_eq!(book.due(&key(1), Entrance::Members, now), [TWO.parse().unwrap()]);
}

#[test]
fn a_key_that_is_not_known_has_no_place_in_the_book() {
    let (mut book, now) = (book(), Instant::now());

    assert!(!keeps(&mut book, record(3, 10, &[ONE]), now));
    assert!(!book.see(key(3), vec![place(ONE)], 1, now));
    assert!(book.shelves.is_empty());
}

#[test]
fn a_key_that_leaves_takes_its_addresses_along() {
    let (mut book, now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &[ONE]), now);

    book.know([key(2)]);
    book.know([key(1), key(2)]);

    assert!(book.addresses(&key(1), Entrance::Members, now).is_empty());
}

#[test]
fn one_address_is_dialled_once_in_a_minute_however_often_it_is_told() {
    let (mut book, begin) = (book(), Instant::now());
    let mut dials = 0;
    for second in 0..60 {
        let now = begin + Duration::from_secs(second);
        keeps(&mut book, record(1, second, &[ONE]), now);
        dials += book.due(&key(1), Entrance::Members, now).len();
    }
    assert_eq!(dials, 1);
}

#[test]
fn one_address_is_dialled_once_in_a_minute_also_when_others_come_in_between() {
    let (mut book, begin) = (book(), Instant::now());
    let mut dials = 0;
    for second in 0..60 {
        let now = begin + Duration::from_secs(second);
        keeps(&mut book, record(1, second, &[if second % 2 == 0 { ONE } else { TWO }]), now);
        dials += book.due(&key(1), Entrance::Members, now).len();
    }
    assert_eq!(dials, 2);
}

#[test]
fn the_pause_doubles_and_is_a_short_one_where_the_key_has_answered() {
    let (mut book, mut now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &[ONE]), now);
    let pause = |book: &mut Book, now: &mut Instant| {
        let begin = *now;
        while book.due(&key(1), Entrance::Members, *now).is_empty() {
            *now += Duration::from_secs(1);
        }
        now.duration_since(begin).as_secs()
    };
    let first: Vec<u64> = (0..4).map(|_| pause(&mut book, &mut now)).collect();
    assert!(first[0] == 0 && (60..=76).contains(&first[1]) && (120..=151).contains(&first[2]), "{first:?}");

    book.reached(&key(1), &ONE.parse().unwrap(), now);
    let then: Vec<u64> = (0..4).map(|_| pause(&mut book, &mut now)).collect();
    assert!(then[0] == 1 && then[3] <= 6, "{then:?}");
}

#[test]
fn an_address_of_a_private_range_is_held_for_others_and_not_dialled() {
    let (mut book, now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &["/ip4/10.0.0.1/tcp/1"]), now);

    assert!(book.due(&key(1), Entrance::Members, now).is_empty());
    assert_eq!(book.since(0, 16, &Entrance::ALL, now).0.len(), 1);
}

#[test]
fn a_record_ends_with_its_lifetime_counted_from_its_issue() {
    let (mut book, now) = (book(), Instant::now());
    book.keep(record(1, 10, &[ONE]), Duration::from_secs(3_000), now);

    assert_eq!(book.addresses(&key(1), Entrance::Members, now + Duration::from_secs(599)).len(), 1);
    assert!(book.addresses(&key(1), Entrance::Members, now + Duration::from_secs(600)).is_empty());
    assert!(book.since(0, 16, &Entrance::ALL, now + Duration::from_secs(600)).0.is_empty());
}

#[test]
fn an_announcement_of_the_lan_counts_in_private_ranges_and_for_three_minutes() {
    let (mut book, now) = (book(), Instant::now());
    let there = "/ip4/192.168.0.7/tcp/7700";

    assert!(book.see(key(1), vec![place(there)], 1, now));
    assert!(!book.see(key(1), vec![place(there)], 1, now));

    let found = book.addresses(&key(1), Entrance::Members, now);
    assert_eq!((found[0].address.to_string().as_str(), found[0].source), (there, Source::Mdns));
    assert!(book.addresses(&key(1), Entrance::Members, now + SEEN_FOR).is_empty());
}

#[test]
fn a_place_that_announces_itself_after_its_time_is_news_again() {
    let (mut book, now) = (book(), Instant::now());
    assert!(book.see(key(1), vec![place(ONE)], 1, now));

    assert!(book.see(key(1), vec![place(ONE)], 2, now + SEEN_FOR));
}

#[test]
fn at_most_four_addresses_of_a_key_are_dialled_the_newest_first() {
    let (mut book, now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &[ONE, TWO]), now);
    for port in 0..9 {
        let later = now + Duration::from_secs(1);
        book.see(key(1), vec![place(&format!("/ip4/192.168.0.7/tcp/{}", 1 + port))], 1, later);
    }
    let due = book.due(&key(1), Entrance::Members, now + Duration::from_secs(1));

    assert_eq!(due.len(), ADDRESSES_MAX);
    assert_eq!(due[0].to_string(), "/ip4/192.168.0.7/tcp/9");
}

#[test]
fn an_old_announcement_that_is_sent_again_counts_for_nothing() {
    let (mut book, now) = (book(), Instant::now());
    book.see(key(1), vec![place("/ip4/192.168.0.7/tcp/2")], 2, now);

    assert!(!book.see(key(1), vec![place("/ip4/192.168.0.7/tcp/1")], 1, now));

    assert_eq!(book.due(&key(1), Entrance::Members, now), ["/ip4/192.168.0.7/tcp/2".parse().unwrap()]);
}

#[test]
fn an_address_that_was_reached_is_displaced_by_no_announcement() {
    let (mut book, now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &[ONE]), now);
    book.due(&key(1), Entrance::Members, now);
    book.reached(&key(1), &ONE.parse().unwrap(), now);

    let later = now + Duration::from_secs(5);
    for port in 1..=4 {
        book.see(key(1), vec![place(&format!("/ip4/192.168.0.7/tcp/{port}"))], port, later);
    }

    assert_eq!(book.due(&key(1), Entrance::Members, later)[0], ONE.parse().unwrap());
}

#[test]
fn a_key_that_names_ever_new_addresses_is_dialled_so_often_in_a_minute_and_no_more() {
    let (mut book, begin) = (book(), Instant::now());
    let mut dials = 0;
    for second in 0..600 {
        let now = begin + Duration::from_secs(second);
        let new = [1, 2, 3, 4].map(|port| format!("/ip4/203.0.113.{}/tcp/{port}", second % 250));
        keeps(&mut book, record(1, second, &new.each_ref().map(String::as_str)), now);
        dials += book.due(&key(1), Entrance::Members, now).len();
        assert!(book.shelves[&key(1)].tried.len() <= TRIED_MAX);
    }
    assert!((1..=10 * DIALS_MAX).contains(&dials), "{dials}");
}

#[test]
fn one_address_among_many_others_is_dialled_once_in_a_minute() {
    let (mut book, begin) = (book(), Instant::now());
    let mut dials = 0;
    for second in 0..60 {
        let now = begin + Duration::from_secs(second);
        let others = [1, 2, 3].map(|port| format!("/ip4/203.0.113.9/tcp/{}", 3 * second + port));
        let [one, two, three] = others.each_ref().map(String::as_str);
        keeps(&mut book, record(1, second, &[ONE, one, two, three]), now);
        let due = book.due(&key(1), Entrance::Members, now);
        dials += due.iter().filter(|address| address.to_string() == ONE).count();
    }
    assert_eq!(dials, 1);
}

#[test]
fn a_sign_of_life_ends_a_long_pause() {
    let signs: [fn(&mut Book, Instant); 3] = [
        |book, now| assert!(keeps(book, record(1, 11, &[ONE]), now)),
        |book, now| assert!(book.see(key(1), vec![place(ONE)], 1, now)),
        |book, now| book.came(&key(1), now),
    ];
    for sign in signs {
        let (mut book, mut now) = (book(), Instant::now());
        keeps(&mut book, record(1, 10, &[ONE]), now);
        for _ in 0..900 {
            book.due(&key(1), Entrance::Members, now);
            now += Duration::from_secs(1);
        }
        assert!(book.due(&key(1), Entrance::Members, now + AGAIN_MIN).is_empty());

        sign(&mut book, now);

        assert_eq!(book.due(&key(1), Entrance::Members, now + AGAIN_MIN).len(), 1);
    }
}

#[test]
fn records_are_given_on_in_pages_and_each_once() {
    let (mut book, now) = (Book::new(Ranges::default(), 1), Instant::now());
    book.know((1..=40).map(key));
    for seed in 1..=40 {
        keeps(&mut book, record(seed, 10, &[ONE]), now);
    }
    let (mut sizes, mut number) = (Vec::new(), 0);
    loop {
        let (page, next) = book.since(number, 16, &Entrance::ALL, now);
        if page.is_empty() {
            break;
        }
        sizes.push(page.len());
        number = next;
    }
    assert_eq!(sizes, [16, 16, 8]);
}

#[test]
fn a_door_for_observers_is_no_address_for_members() {
    let (mut book, now) = (book(), Instant::now());
    keeps(&mut book, record(1, 10, &[ONE]), now);

    assert!(book.addresses(&key(1), Entrance::Observers, now).is_empty());
}
