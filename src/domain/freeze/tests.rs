//! What windows say, by tables; the long comparison with another implementation is `tests/freeze.rs`.

use super::*;

fn freeze(from: &str, to: &str, zone: &str, reason: &str) -> Freeze {
    Freeze {
        window: Window::read(from, to).unwrap(),
        zone: Zone::named(zone).unwrap(),
        reason: (!reason.is_empty()).then(|| reason.into()),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn says(freezes: &[Freeze], instant: &str) -> String {
    frozen(freezes, at(instant)).map(|f| f.to_string()).unwrap_or_default()
}

#[test]
fn the_beginning_is_frozen_and_the_end_is_free() {
    let weekend = [freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend")];
    for (instant, sentence) in [
        ("2026-11-20T14:59:59Z", ""),
        ("2026-11-20T15:00:00Z", "frozen until Mon 23 Nov 08:00 Europe/Berlin: weekend"),
        ("2026-11-23T06:59:59.999Z", "frozen until Mon 23 Nov 08:00 Europe/Berlin: weekend"),
        ("2026-11-23T07:00:00Z", ""),
    ] {
        assert_eq!(says(&weekend, instant), sentence, "{instant}");
    }
}

#[test]
fn one_window_that_holds_is_enough_and_the_end_is_that_of_all() {
    let both = [
        freeze("2026-12-20 00:00", "2027-01-03 08:00", "Europe/Berlin", "year's end"),
        freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend"),
        freeze("22:00", "06:00", "Asia/Tokyo", ""),
    ];
    let found = frozen(&both, at("2026-12-20T12:00:00Z")).unwrap();
    assert_eq!(found.to_string(), "frozen until Mon 4 Jan 2027 08:00 Europe/Berlin: year's end; weekend");
    assert_eq!(
        found.spelled,
        "2026-12-20 00:00 to 2027-01-03 08:00 Europe/Berlin; Fri 16:00 to Mon 08:00 Europe/Berlin"
    );
    assert_eq!(found.until, Some(at("2027-01-04T07:00:00Z")));
    assert_eq!(says(&both[2..], "2026-11-25T14:00:00Z"), "frozen until Thu 26 Nov 06:00 Asia/Tokyo");
}

#[test]
fn windows_that_join_without_end_say_so() {
    let always = [freeze("00:00", "12:00", "UTC", ""), freeze("12:00", "00:00", "UTC", "no")];
    let found = frozen(&always, at("2026-11-20T14:00:00Z")).unwrap();
    assert_eq!(
        (found.until, found.to_string().as_str()),
        (None, "frozen without end, for the windows join: no")
    );
    assert_eq!(next_freeze(&always, at("2026-11-20T14:00:00Z")), None);
}

#[test]
fn the_next_freeze_begins_where_a_free_time_ends() {
    let weekend = [
        freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend"),
        freeze("2026-11-23 08:00", "2026-11-24 08:00", "Europe/Berlin", "audit"),
    ];
    for (instant, next) in [
        ("2026-11-20T14:59:59Z", Some("2026-11-20T15:00:00Z")),
        ("2026-11-20T15:00:00Z", Some("2026-11-27T15:00:00Z")),
        ("2026-11-24T07:00:00Z", Some("2026-11-27T15:00:00Z")),
    ] {
        assert_eq!(next_freeze(&weekend, at(instant)), next.map(at), "{instant}");
    }
    assert_eq!(next_freeze(&weekend[1..], at("2026-11-23T07:00:00Z")), None);
    assert_eq!(next_freeze(&[], at("2026-11-23T07:00:00Z")), None);
}

#[test]
fn a_freeze_is_announced_a_day_ahead() {
    let weekend = [freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend")];
    let told = |instant| match outlook(&weekend, at(instant)) {
        Some(Outlook::Free(next)) => next.map(|n| n.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(told("2026-11-19T14:59:59Z"), None);
    let sentence = Some("freeze begins Fri 20 Nov 16:00 Europe/Berlin: weekend".to_owned());
    assert_eq!(told("2026-11-19T15:00:00Z"), sentence);
    assert_eq!(told("2026-11-20T14:59:59Z"), sentence);
    assert_eq!(outlook(&[], at("2026-11-20T14:59:59Z")), None);
}

#[test]
fn a_time_that_comes_twice_or_never_is_frozen() {
    for (from, to, zone, sentences) in [
        // The clock goes from 03:00 back to 02:00 at 01:00 UTC.
        (
            "02:30",
            "03:30",
            "Europe/Berlin",
            [("2026-10-25T00:29:59Z", false), ("2026-10-25T00:30:00Z", true), ("2026-10-25T02:29:59Z", true)],
        ),
        (
            "01:30",
            "02:30",
            "Europe/Berlin",
            [("2026-10-25T00:30:00Z", true), ("2026-10-25T01:29:59Z", true), ("2026-10-25T01:30:00Z", false)],
        ),
        // The clock goes from 02:00 to 03:00 at 01:00 UTC.
        (
            "02:30",
            "04:00",
            "Europe/Berlin",
            [("2026-03-29T00:29:59Z", false), ("2026-03-29T00:30:00Z", true), ("2026-03-29T01:59:59Z", true)],
        ),
        (
            "01:00",
            "02:30",
            "Europe/Berlin",
            [("2026-03-29T00:59:59Z", true), ("2026-03-29T01:29:59Z", true), ("2026-03-29T01:30:00Z", false)],
        ),
        // Samoa skipped 30 December 2011, a Friday.
        (
            "Fri 12:00",
            "Sat 12:00",
            "Pacific/Apia",
            [("2011-12-29T21:59:59Z", false), ("2011-12-29T22:00:00Z", true), ("2011-12-30T21:59:59Z", true)],
        ),
        // A leap day is a day as any other.
        (
            "2028-02-29",
            "2028-02-29",
            "UTC",
            [
                ("2028-02-28T23:59:59Z", false),
                ("2028-02-29T00:00:00Z", true),
                ("2028-03-01T00:00:00Z", false),
            ],
        ),
    ] {
        let freezes = [freeze(from, to, zone, "")];
        for (instant, holds) in sentences {
            assert_eq!(frozen(&freezes, at(instant)).is_some(), holds, "{from} to {to} {zone} at {instant}");
        }
    }
    let fold = [freeze("01:30", "02:30", "Europe/Berlin", "")];
    assert_eq!(says(&fold, "2026-10-25T00:30:00Z"), "frozen until Sun 25 Oct 02:30+01:00 Europe/Berlin");
}

#[test]
fn a_moment_may_be_written_in_more_than_one_way() {
    for (from, to, spelled) in [
        ("Tue 07:30", "thursday 9:00", "Tue 07:30 to Thu 09:00"),
        ("tues", "Thu", "Tue 00:00 to Fri 00:00"),
        (" 22:00 ", "06:00", "22:00 to 06:00"),
        ("2026-12-20T16:00", "2026-12-20 18:00", "2026-12-20 16:00 to 2026-12-20 18:00"),
    ] {
        assert_eq!(Window::read(from, to).unwrap().to_string(), spelled);
    }
    for wrong in
        ["", "T", "Tu 08:00", "2026", "08:0", "008:00", "+8:00", "25:00", "Fri 16:00 17:00", "\u{661}6:00"]
    {
        assert_eq!(Window::read(wrong, "08:00").unwrap_err().bound, Bound::From, "{wrong}");
    }
}

#[test]
fn a_freeze_survives_being_written_and_read() {
    for (from, to) in [("Fri 16:00", "Mon 08:00"), ("22:00", "06:00"), ("2026-12-20", "2027-01-03 08:00")] {
        let freeze = freeze(from, to, "europe/berlin", "why");
        let text = serde_json::to_string(&freeze).unwrap();
        assert_eq!(serde_json::from_str::<Freeze>(&text).unwrap(), freeze, "{text}");
        assert!(text.contains("Europe/Berlin"), "{text}");
    }
    assert!(serde_json::from_str::<Zone>("\"Mars/Olympus\"").is_err());
}

#[test]
fn the_edges_of_the_calendar_are_no_trap() {
    let freezes = [
        freeze("Fri 16:00", "Mon 08:00", "Pacific/Kiritimati", ""),
        freeze("22:00", "06:00", "Pacific/Pago_Pago", ""),
        freeze("9999-12-31", "9999-12-31", "UTC", ""),
    ];
    for instant in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let _ = (frozen(&freezes, instant), next_freeze(&freezes, instant), outlook(&freezes, instant));
    }
    assert!(tzdb().starts_with("20"), "{}", tzdb());
}

#[test]
fn every_day_of_the_week_is_read_by_its_name_and_by_three_letters() {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    for (index, day) in days.iter().enumerate() {
        let next = days[(index + 1) % 7];
        for (from, to) in [(*day, next), (&day[..3], &next[..3])] {
            for time in ["", " 16:00"] {
                let read = super::Window::read(&format!("{from}{time}"), &format!("{to} 08:00"));
                assert!(read.is_ok(), "{from}{time}: {read:?}");
            }
        }
    }
    assert!(super::Window::read("2026-12-20T16:00", "2026-12-21T08:00").is_ok());
}
