//! Expiry of certificates: `notAfter` of X.509 (RFC 5280, 4.1.2.5), read out of its DER and nothing else of it.

use tokio_rustls::rustls::pki_types::CertificateDer;

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Seconds since 1970 at which the first certificate of a chain ends; none where none of them says so.
pub fn end(chain: &[CertificateDer<'_>]) -> Option<u64> {
    chain.iter().filter_map(|certificate| not_after(certificate)).min()
}

fn not_after(der: &[u8]) -> Option<u64> {
    let signed = within(der, SEQUENCE)?;
    let mut rest = within(signed, SEQUENCE)?;
    if *rest.first()? == VERSION {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm and issuer stand before the validity.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, _, end) = element(within(rest, SEQUENCE)?)?;
    let (tag, text, _) = element(end)?;
    seconds(tag, std::str::from_utf8(text).ok()?)
}

/// Content of the first element, which has this tag.
fn within(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(bytes).filter(|(found, _, _)| *found == tag).map(|(_, content, _)| content)
}

/// Tag and content of the first element, and what is behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], mut rest) = bytes.split_first_chunk()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, behind) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = behind;
    }
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn seconds(tag: u8, text: &str) -> Option<u64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME => (2_000 + digits.get(..2)?.parse::<i64>().ok()?, digits.get(2..)?),
        GENERALIZED_TIME => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let year = if tag == UTC_TIME && year >= 2_050 { year - 100 } else { year };
    let part = |at: usize| rest.get(2 * at..2 * at + 2)?.parse::<i64>().ok();
    let (days, hours) = (days(year, part(0)?, part(1)?), part(2)?);
    u64::try_from(((days * 24 + hours) * 60 + part(3)?) * 60 + part(4)?).ok()
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_certificates_are_seconds_since_1970() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, "260228235959Z"), Some(1_772_323_199));
        assert_eq!(seconds(GENERALIZED_TIME, "20000229120000Z"), Some(951_825_600));
        assert_eq!(seconds(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        assert_eq!(seconds(UTC_TIME, "2602282359Z"), None);
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_expiry() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", &[0x30; 300]] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
