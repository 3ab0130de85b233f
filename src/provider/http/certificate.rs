//! Who issued a certificate and until when it holds, read from its DER for people to see.
//!
//! Decides nothing: whether a certificate is good is the TLS library's alone, and it was accepted before it gets here.
//! Source: RFC 5280, section 4.1.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::SafeText;

/// What people want to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) issuer: SafeText,
    pub(super) until: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const OID: u8 = 0x06;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0A];

/// Bytes that are read element by element.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element's tag and content.
    fn next(&mut self) -> Option<(u8, Der<'a>)> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            _ => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                let long = (1..=4).contains(&bytes.len());
                let length = bytes.iter().fold(0_usize, |sum, b| sum.wrapping_shl(8) | usize::from(*b));
                (long.then_some(length)?, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, Der(content)))
    }

    fn sequence(&mut self) -> Option<Der<'a>> {
        self.next().filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| content)
    }
}

/// Reads a certificate; none if it is not as it should be.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let mut signed = Der(der).sequence()?.sequence()?;
    if signed.0.first() == Some(&VERSION) {
        signed.next()?;
    }
    // Serial number and signature algorithm.
    signed.next()?;
    signed.next()?;
    let issuer = name(signed.sequence()?)?;
    let mut validity = signed.sequence()?;
    validity.next()?;
    let (tag, time) = validity.next()?;
    Some(Certificate { issuer, until: moment(tag, time.0)? })
}

/// The common name, with the organisation if both are there.
fn name(mut parts: Der<'_>) -> Option<SafeText> {
    let (mut common, mut organisation) = (None, None);
    while let Some((_, mut set)) = parts.next() {
        let mut pair = set.sequence()?;
        let (tag, id) = pair.next()?;
        let (_, value) = pair.next()?;
        let text = String::from_utf8_lossy(value.0).into_owned();
        match (tag, id.0) {
            (OID, COMMON_NAME) => common = Some(text),
            (OID, ORGANISATION) => organisation = Some(text),
            _ => {}
        }
    }
    let said = match (common, organisation) {
        (Some(common), Some(organisation)) if common != organisation => format!("{common} ({organisation})"),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    Some(SafeText::new(&said))
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year.
fn moment(tag: u8, bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let whole = match tag {
        // Two digits below 50 are of this century.
        UTC_TIME => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn der(file: &str) -> Vec<u8> {
        let path = format!("{}/tests/support/tls/{file}.pem", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let inner = text.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
        let inner: String = inner.split("-----END").next().unwrap().split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(inner).unwrap()
    }

    #[test]
    fn issuer_and_end_are_read() {
        let good = read(&der("good")).unwrap();
        let authority = read(&der("authority")).unwrap();
        assert_eq!(good.issuer, authority.issuer, "the authority signed itself and the good one");
        assert!(!good.issuer.is_empty());
        let expired = read(&der("expired")).unwrap();
        assert!(expired.until <= "2021-01-01T00:00:00Z".parse().unwrap(), "{}", expired.until);
        assert!(good.until > "2026-01-01T00:00:00Z".parse().unwrap(), "{}", good.until);
    }

    #[test]
    fn what_is_cut_or_bent_is_read_as_nothing_or_as_something_and_never_stops_the_program() {
        let whole = der("good");
        for length in 0..whole.len().min(200) {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 0xFF;
            read(&bent);
        }
    }
}
