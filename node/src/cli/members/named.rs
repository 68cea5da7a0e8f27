//! A member by the name that a person gives it: organisation, number or key.

use crate::cli::failure::Failure;
use crate::cli::print::plain;
use quorate_client::api::Member;

/// Digits of a key that may stand for it.
const KEY_DIGITS_MIN: usize = 8;

/// The one member with this organisation, number, or beginning of a key.
pub fn named<'a>(members: &'a [Member], name: &str) -> Result<&'a Member, Failure> {
    let of_organisation: Vec<&Member> = members.iter().filter(|member| member.organisation == name).collect();
    if let [_, _, ..] = of_organisation[..] {
        let what = format!("{} has {} members", plain(name), of_organisation.len());
        return Err(Failure::usage(what).next("name one by its number or key: `quorate members` lists them"));
    }
    let is_it = |member: &&Member| {
        member.replica.to_string() == name || (name.len() >= KEY_DIGITS_MIN && member.key.to_string().starts_with(name))
    };
    let found = of_organisation.first().copied().or_else(|| members.iter().find(is_it));
    let none = || Failure::usage(format!("{} is no member", plain(name))).next("`quorate members` lists them");
    found.ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::api::Standing;
    use quorate_pbft::PublicKey;

    fn member(replica: u16, organisation: &str) -> Member {
        let standing = Standing { state: "good".into(), figure: 0, reasons: vec![] };
        let key = PublicKey([replica as u8 + 16; 32]);
        Member { replica, key, peer_id: String::new(), organisation: organisation.into(), standing, program: None }
    }

    fn number(name: &str) -> Option<u16> {
        let members = [member(0, "acme"), member(1, "beta"), member(2, "acme"), member(3, "0")];
        named(&members, name).ok().map(|member| member.replica)
    }

    #[test]
    fn a_member_is_named_by_organisation_number_or_key() {
        assert_eq!(number("beta"), Some(1));
        assert_eq!(number("2"), Some(2));
        assert_eq!(number(&"12".repeat(32)), Some(2));
        assert_eq!(number("11111111"), Some(1));
        assert_eq!(number("0"), Some(3), "an organisation's name comes first");
    }

    #[test]
    fn a_name_of_nobody_or_of_several_is_refused() {
        assert_eq!([number("acme"), number("9"), number("11"), number("")], [None; 4]);
    }
}
