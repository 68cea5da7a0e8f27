//! Seats that are taken, left for others and refused.

use super::*;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};

const ALL: Room = Room { all: CONNECTIONS_MAX, of_one_address: CONNECTIONS_PER_ADDRESS_MAX, leaving: CONNECTIONS_MAX };

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0001 + number))
}

#[test]
fn the_longest_idle_connection_leaves_for_a_new_one() {
    let (door, begin) = (Door::default(), Instant::now());
    let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), begin, ALL).1).collect();
    let later = begin + Duration::from_secs(1);
    seats.iter().skip(1).for_each(|seat| seat.progress(later));

    let (_, new) = door.seat(address(5_000), later, ALL);

    assert!(seats[0].closed.is_cancelled() && !new.closed.is_cancelled());
    assert!(seats[1..].iter().all(|seat| !seat.closed.is_cancelled()));
}

#[test]
fn a_connection_at_work_stays_and_one_that_awaits_its_client_may_leave() {
    let (door, now) = (Door::default(), Instant::now());
    let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
    let work: Vec<Work> = seats.iter().cloned().map(Work::begin).collect();
    assert!(door.seat(address(5_000), now, ALL).1.closed.is_cancelled(), "all others are at work");

    let _awaiting = seats[7].awaiting_client();
    assert!(!door.seat(address(5_001), now, ALL).1.closed.is_cancelled());
    assert!(seats[7].closed.is_cancelled());
    drop(work);
}

#[test]
fn one_address_makes_room_by_its_own_connections() {
    let (door, now) = (Door::default(), Instant::now());
    let (_, other) = door.seat(address(1), now, ALL);
    let greedy: Vec<_> = (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| door.seat(address(2), now, ALL).1).collect();

    door.seat(address(2), now, ALL);

    assert!(!other.closed.is_cancelled());
    assert_eq!(greedy.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
}

#[test]
fn strangers_that_are_still_to_be_served_leave_for_no_stranger() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held: Vec<Held> =
        (0..CONNECTIONS_MAX as u32).map(|number| door.hold(door.seat(address(number), now, ALL))).collect();
    assert!(door.seat(address(5_000), now, ALL).1.closed.is_cancelled(), "all others are ahead of it");

    drop(Work::begin(held[7].begin().expect("it is open").clone()));
    assert!(!door.seat(address(5_001), now, ALL).1.closed.is_cancelled());
    assert!(held[7].begin().is_none(), "it left");

    door.known.note(address(5_002), now);
    assert!(!door.seat(address(5_002), now, ALL).1.closed.is_cancelled(), "it is known");
    assert_eq!(door.files(), CONNECTIONS_MAX);
    drop(held);
    assert_eq!(door.files(), 0);
}

#[test]
fn a_stranger_whose_turn_has_come_has_time_for_its_first_request() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held: Vec<Held> =
        (0..CONNECTIONS_MAX as u32).map(|number| door.hold(door.seat(address(number), now, ALL))).collect();
    let later = now + Duration::from_secs(5);
    held[7].seat.begin(later);

    assert!(door.seat(address(5_000), later + FIRST_WITHIN / 2, ALL).1.closed.is_cancelled());
    assert!(!door.seat(address(5_001), later + FIRST_WITHIN, ALL).1.closed.is_cancelled());
    assert!(held[7].seat.closed.is_cancelled(), "it has said nothing");
}

/// Connections of one address that fill its share, held.
fn share_of(door: &Arc<Door>, number: u32, now: Instant) -> Vec<Held> {
    (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| door.hold(door.seat(address(number), now, ALL))).collect()
}

fn closed(of: &[Held]) -> usize {
    of.iter().filter(|held| held.seat.closed.is_cancelled()).count()
}

/// A connection at a listener on loopback: the client's end and the replica's.
fn socket() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("it listens");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
    (client, listener.accept().expect("it connects").0)
}

#[test]
fn silence_keeps_no_other_connection_of_its_own_address_out() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held = share_of(&door, 1, now);
    held[1..700].iter().for_each(|held| held.seat.begin(now + FIRST_WITHIN / 4));
    let next = || door.hold(door.seat(address(1), now + FIRST_WITHIN / 2, ALL));

    let mut all = vec![next()];
    assert_eq!((closed(&held), closed(&held[1..700])), (1, 0), "its turn was to come");
    all.extend((1..100).map(|_| next()));

    assert_eq!((closed(&held), closed(&all)), (100, 0), "some of them in the time for their first request");
}

#[test]
fn silence_whose_time_is_over_leaves_before_those_of_its_address_that_are_still_to_be_served() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held = share_of(&door, 1, now);
    held[7..9].iter().for_each(|held| held.seat.begin(now + FIRST_WITHIN));

    let _next = [(); 2].map(|()| door.hold(door.seat(address(1), now + FIRST_WITHIN * 2, ALL)));

    assert_eq!((closed(&held), closed(&held[7..9])), (2, 2));
}

#[test]
fn an_upload_that_goes_on_leaves_after_silence_of_its_address_that_is_still_to_be_served() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held = share_of(&door, 1, now);
    let _upload = Work::begin(held[7].seat.clone());
    let _body = held[7].seat.awaiting_client();
    let later = now + FIRST_WITHIN * 4;
    held[7].seat.progress(later);

    let _next = door.hold(door.seat(address(1), later, ALL));

    assert_eq!((closed(&held), closed(&held[7..8])), (1, 0));
}

#[test]
fn one_address_makes_no_more_than_half_of_the_tasks_that_are_to_be_ended() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let mut held = share_of(&door, 1, now);
    let next = |door: &Arc<Door>| Some(door.seat(address(1), now, ALL)).filter(|new| !new.1.closed.is_cancelled());
    held.extend(std::iter::from_fn(|| next(&door).map(|new| door.hold(new))));

    assert_eq!(held.len(), HELD_MAX / 2);
    assert!(!door.seat(address(2), now, ALL).1.closed.is_cancelled());
}

#[test]
fn a_connection_that_leaves_before_its_turn_gives_its_file_back_at_once() {
    let (door, now, (mut client, server)) = (Arc::new(Door::default()), Instant::now(), socket());
    let held = door.hold(door.seat(address(1), now, ALL));
    held.wait(server);

    door.close_longest_idle(now);

    assert_eq!((door.files(), client.read(&mut [0]).expect("an end")), (0, 0));
    assert!(held.begin().is_none() && held.socket().is_none());
}

#[test]
fn a_connection_that_left_before_it_could_wait_gives_its_file_back_at_once() {
    let (door, now, (mut client, server)) = (Arc::new(Door::default()), Instant::now(), socket());
    let held = door.hold(door.seat(address(1), now, ALL));
    door.close_longest_idle(now);
    assert_eq!(door.files(), 1);

    held.wait(server);

    assert_eq!((door.files(), client.read(&mut [0]).expect("an end")), (0, 0));
}

#[test]
fn a_connection_that_was_idle_for_too_long_has_no_place_any_more() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held = share_of(&door, 1, now);
    let later = now + IDLE_MAX + Duration::from_millis(1);
    held[1..].iter().for_each(|held| held.seat.progress(later));

    door.close_idle(later);

    assert_eq!((closed(&held), closed(&held[..1]), door.seats().taken.len()), (1, 1, held.len() - 1));
}

#[test]
fn strangers_are_refused_while_thousands_are_still_to_be_ended_and_who_is_known_is_not() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let new = |number: usize| door.hold(door.seat(address(number as u32 % 2), now, ALL));
    let held: Vec<Held> = (0..HELD_MAX).map(new).collect();
    assert!(door.seat(address(2), now, ALL).1.closed.is_cancelled());

    door.known.note(address(3), now);
    assert!(!door.seat(address(3), now, ALL).1.closed.is_cancelled());
    drop(held);
    assert!(!door.seat(address(2), now, ALL).1.closed.is_cancelled());
}

#[test]
fn one_address_has_no_more_than_its_share_at_work() {
    let (door, now) = (Door::default(), Instant::now());
    let seats = (0..CONNECTIONS_MAX).map(|_| door.seat(address(1), now, ALL).1);
    let work: Vec<Work> = seats.filter(|seat| !seat.closed.is_cancelled()).map(Work::begin).collect();
    assert_eq!(work.len(), CONNECTIONS_PER_ADDRESS_MAX);
    assert!(!door.seat(address(2), now, ALL).1.closed.is_cancelled());
}

#[test]
fn two_addresses_at_work_leave_places_to_a_third_up_to_its_part() {
    let (door, now) = (Door::default(), Instant::now());
    let seats = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number % 2), now, ALL).1);
    let work: Vec<Work> = seats.map(Work::begin).collect();

    let third = (0..CONNECTIONS_MAX).map(|_| door.seat(address(2), now, ALL).1);
    let third: Vec<Work> = third.filter(|seat| !seat.closed.is_cancelled()).map(Work::begin).collect();

    let open = |all: &[Work]| all.iter().filter(|work| !work.0.closed.is_cancelled()).count();
    assert!(open(&third).abs_diff(CONNECTIONS_MAX / 3) <= 1, "{}", open(&third));
    assert_eq!(open(&work) + open(&third), CONNECTIONS_MAX);
}

#[test]
fn strangers_that_wait_to_be_served_cost_no_author_a_place() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let authors = (0..224).map(|number| address(1_000 + number));
    let authors: Vec<_> = authors.inspect(|author| door.known.note(*author, now)).collect();
    let authors: Vec<_> = authors.into_iter().map(|author| door.seat(author, now, ALL).1).collect();
    let uploads: Vec<Work> = authors.iter().cloned().map(Work::begin).collect();
    let _bodies: Vec<_> = authors.iter().map(|author| author.awaiting_client()).collect();
    let held: Vec<Held> = (0..800).map(|number| door.hold(door.seat(address(number % 4 / 3), now, ALL))).collect();

    let more: Vec<_> = (0..1_000).map(|_| door.hold(door.seat(address(1), now, ALL))).collect();

    assert!(authors.iter().all(|author| !author.closed.is_cancelled()));
    let open = held.iter().chain(&more).filter(|held| !held.seat.closed.is_cancelled()).count();
    assert_eq!(open, 800);
    drop(uploads);
}

#[test]
fn strangers_take_a_quarter_of_the_places_from_who_is_known_and_idle() {
    let (door, now) = (Door::default(), Instant::now());
    let authors: Vec<_> = (0..CONNECTIONS_MAX as u32).map(address).collect();
    authors.iter().for_each(|author| door.known.note(*author, now));
    let authors: Vec<_> = authors.into_iter().map(|author| door.seat(author, now, ALL).1).collect();

    let seats = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(2_000 + number), now, ALL).1);
    let work: Vec<Work> = seats.filter(|seat| !seat.closed.is_cancelled()).map(Work::begin).collect();

    assert_eq!(work.len(), CONNECTIONS_MAX / STRANGERS_PART);
    assert_eq!(authors.iter().filter(|author| author.closed.is_cancelled()).count(), work.len());
}

#[test]
fn a_machine_with_many_addresses_of_ipv6_is_one_and_a_mapped_address_is_itself() {
    let [one, same, other, mapped] = ["2001:db8:1:2::3", "2001:db8:1:2:ff::", "2001:db8:1:3::3", "::ffff:10.0.0.1"]
        .map(|text| whole(text.parse().expect("an address")));
    assert!(one == same && one != other);
    assert_eq!(mapped, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
}

#[test]
fn a_stranger_at_work_leaves_for_who_is_known_before_others_who_are_known() {
    let (door, now) = (Door::default(), Instant::now());
    [0, 5_000].into_iter().for_each(|number| door.known.note(address(number), now));
    let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
    let work: Vec<Work> = seats.iter().skip(1).cloned().map(Work::begin).collect();

    assert!(!door.seat(address(5_000), now, ALL).1.closed.is_cancelled());

    assert!(!seats[0].closed.is_cancelled(), "it is idle, and known");
    assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
    drop(work);
}

#[test]
fn a_lack_of_files_closes_nobody_while_those_who_were_closed_hold_theirs() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held = [1, 2, 3].map(|number| door.hold(door.seat(address(number), now, ALL)));
    let open = |held: &[Held; 3]| held.iter().filter(|held| !held.seat.closed.is_cancelled()).count();

    door.close_longest_idle(now);
    door.close_longest_idle(now);

    assert_eq!(open(&held), 2, "the first still holds its file");
}

#[test]
fn a_stranger_that_was_let_in_leaves_after_those_that_were_not() {
    let (door, now) = (Door::default(), Instant::now());
    let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
    seats[0].let_in();
    let later = now + Duration::from_secs(1);
    seats.iter().skip(1).for_each(|seat| seat.progress(later));

    door.seat(address(5_000), later, ALL);

    assert!(!seats[0].closed.is_cancelled(), "it is idle for longest, and was let in");
}

#[test]
fn one_strangers_address_keeps_to_its_share_before_it_is_served() {
    let (door, now) = (Arc::new(Door::default()), Instant::now());
    let held: Vec<Held> = (0..CONNECTIONS_MAX).map(|_| door.hold(door.seat(address(1), now, ALL))).collect();
    assert_eq!(held.iter().filter(|held| held.begin().is_some()).count(), CONNECTIONS_PER_ADDRESS_MAX);
}

#[test]
fn strangers_leave_before_who_is_known() {
    let (door, now) = (Door::default(), Instant::now());
    door.known.note(address(0), now);
    let seats: Vec<_> = (0..CONNECTIONS_MAX as u32).map(|number| door.seat(address(number), now, ALL).1).collect();
    let later = now + Duration::from_secs(1);
    seats.iter().skip(1).for_each(|seat| seat.progress(later));

    door.seat(address(5_000), later, ALL);

    assert!(!seats[0].closed.is_cancelled(), "it is idle for longest, and known");
    assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
}

#[test]
fn each_connection_of_a_stranger_is_outgrown_once_it_lets_in_and_none_of_who_is_known() {
    let (door, now) = (Door::default(), Instant::now());
    let [first, second, silent] = [1, 1, 1].map(|number| door.seat(address(number), now, ALL).1);
    first.let_in();
    second.let_in();
    let later = door.seat(address(1), Instant::now(), ALL).1;
    later.let_in();
    assert_eq!([&first, &second, &silent, &later].map(|seat| seat.is_outgrown()), [true, true, false, false]);
    assert!(!later.is_stranger && door.seat(address(2), Instant::now(), ALL).1.is_stranger);
}

#[test]
fn a_process_that_may_open_few_files_lets_fewer_in() {
    assert_eq!((Room::of(0).all, Room::of(65_536).all), (CONNECTIONS_MAX, CONNECTIONS_MAX), "no bound, and a wide one");
    let few = Room::of(160);
    assert_eq!((few.all, few.of_one_address), (120, 90));
    assert_eq!(few.with_leaving(), 130, "the rest is for what is no connection");
    let (door, now) = (Door::default(), Instant::now());
    let seats: Vec<_> = (0..few.all as u32).map(|number| door.seat(address(number), now, few).1).collect();

    door.seat(address(5_000), now, few);

    assert_eq!(seats.iter().filter(|seat| seat.closed.is_cancelled()).count(), 1);
}
