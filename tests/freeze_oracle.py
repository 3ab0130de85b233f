#!/usr/bin/env python3
"""The oracle of tests/freeze.rs: what freeze windows mean, worked out a second time.

It shares nothing with the program: other language, other time zone code (zoneinfo), and where it can another method.
A bound that a zone skips or has twice is two instants (PEP 495: fold 0 and fold 1); a beginning takes the earlier one,
an end the later one. Whether an instant is frozen is found by trying every day within ten days of it.

    python3 tests/freeze_oracle.py            prints the rows of tests/fixtures/freeze.csv
    python3 tests/freeze_oracle.py full       prints the rows of the full comparison

A row is `zone,from,to,answers`; answers are `unix seconds:0 or 1`, separated by blanks. The zones are those whose rules
of 2015 to 2037 have not changed in the releases of the database since 2022, so that another release on this side gives the
same answers.
"""

import sys
import zoneinfo
from datetime import datetime, timedelta, timezone

ZONES = """Europe/Berlin Europe/London Europe/Lisbon Europe/Kyiv Europe/Helsinki Europe/Dublin Atlantic/Azores
Atlantic/Canary America/New_York America/Chicago America/Denver America/Los_Angeles America/Anchorage America/Halifax
America/St_Johns America/Havana America/Santiago America/Asuncion America/Sao_Paulo America/Toronto Australia/Sydney
Australia/Adelaide Australia/Lord_Howe Pacific/Auckland Pacific/Chatham Pacific/Norfolk Asia/Jerusalem Asia/Beirut
Africa/Cairo Antarctica/Troll""".split()
# Only for windows that are not about a transition between 2015 and 2037.
OTHERS = ["UTC", "Asia/Kathmandu", "Asia/Tokyo", "Pacific/Apia", "Pacific/Kiritimati", "America/Phoenix"]
FIRST, LAST = 2015, 2037
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
UTC = timezone.utc
DAY = timedelta(days=1)


def local(zone, unix):
    return datetime.fromtimestamp(unix, zone).replace(tzinfo=None)


def instants(zone, civil):
    """Both instants that a time of day may be, as unix seconds."""
    return [int(civil.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]


def transitions(zone, first, last):
    """Every instant at which the offset changes, found by halving."""
    def offset(unix):
        return datetime.fromtimestamp(unix, zone).utcoffset()
    step = 6 * 3600
    at = int(datetime(first, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last + 1, 1, 1, tzinfo=UTC).timestamp())
    while at < end:
        if offset(at) != offset(at + step):
            low, high = at, at + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            yield high, offset(low), offset(high)
        at += step


def at_time(day, text):
    hour, minute = text.split(":")
    return day.replace(hour=int(hour), minute=int(minute), second=0)


def occurrence(day, start, end):
    """The civil ends of the window's occurrence that begins on this day, if one does."""
    if len(start) == 5:
        begin, finish = at_time(day, start), at_time(day, end)
        return begin, finish if finish > begin else finish + DAY
    if start[0].isalpha():
        if DAYS[day.weekday()] != start[:3]:
            return None
        begin, finish = at_time(day, start[4:]), at_time(day, end[4:])
        while DAYS[finish.weekday()] != end[:3] or finish <= begin:
            finish += DAY
        return begin, finish
    begin, finish = (datetime.strptime(text, "%Y-%m-%d %H:%M") for text in (start, end))
    return (begin, finish) if begin.date() == day.date() else None


def frozen(zone, start, end, unix):
    today = local(zone, unix).replace(hour=0, minute=0, second=0)
    days = [today + DAY * n for n in range(-10, 11)]
    if start[0].isdigit() and len(start) > 5:
        days = [datetime.strptime(start, "%Y-%m-%d %H:%M").replace(hour=0, minute=0)]
    for day in days:
        found = occurrence(day, start, end)
        if found and min(instants(zone, found[0])) <= unix < max(instants(zone, found[1])):
            return True
    return False


def spelled(kind, begin, finish):
    if kind == "daily":
        return begin.strftime("%H:%M"), finish.strftime("%H:%M")
    if kind == "weekly":
        return tuple(f"{DAYS[t.weekday()]} {t:%H:%M}" for t in (begin, finish))
    return f"{begin:%Y-%m-%d %H:%M}", f"{finish:%Y-%m-%d %H:%M}"


def row(name, zone, start, end, around):
    answers = sorted({unix + by for unix in around for by in (-1, 0, 1)})
    told = " ".join(f"{unix}:{int(frozen(zone, start, end, unix))}" for unix in answers)
    return f"{name},{start},{end},{told}"


def about_transitions(first, last, full):
    """Windows that begin, and windows that end, at both edges of each gap and fold and in its middle."""
    kinds = ["once", "weekly", "daily"]
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        for at, before, after in transitions(zone, first, last):
            edges = sorted(datetime.fromtimestamp(at, UTC).replace(tzinfo=None) + by for by in (before, after))
            middle = edges[0] + (edges[1] - edges[0]) / 2
            middle = middle.replace(second=0)
            for index, bound in enumerate([edges[0], middle, edges[1]]):
                both = instants(zone, bound)
                for which in ("start", "end"):
                    for kind in kinds if full else [kinds[index]]:
                        # Long enough that the other end is far from the transition.
                        length = timedelta(hours=11) if kind == "daily" else timedelta(hours=53)
                        ends = (bound, bound + length) if which == "start" else (bound - length, bound)
                        yield row(name, zone, *spelled(kind, *ends), [at, *both])


def about_wraps(zones, years):
    """Midnight, the week's end, the year's end, leap days, and the day that Samoa never had."""
    windows = [("22:00", "06:00"), ("00:00", "23:59"), ("23:59", "00:00"), ("Sun 23:00", "Mon 01:00"),
               ("Fri 16:00", "Mon 08:00"), ("Mon 00:00", "Sun 23:59"), ("Wed 12:00", "Wed 11:59"), ("Sat 00:00", "Mon 00:00")]
    for name in zones:
        zone = zoneinfo.ZoneInfo(name)
        for year in years:
            for start, end in windows:
                base = datetime(year, 2, 26) if start[0].isdigit() else datetime(year, 12, 28)
                around = []
                for n in range(8):
                    found = occurrence(base + DAY * n, start, end)
                    around += [unix for civil in found or () for unix in instants(zone, civil)]
                yield row(name, zone, start, end, around)
            leap = datetime(year, 2, 28)
            ends = spelled("once", leap + DAY, datetime(year, 3, 1) + DAY)
            yield row(name, zone, *ends, [u for text in ends for u in
                                          instants(zone, datetime.strptime(text, "%Y-%m-%d %H:%M"))])
            ends = spelled("once", datetime(year, 12, 31, 12), datetime(year + 1, 1, 1, 12))
            yield row(name, zone, *ends, [u for text in ends for u in
                                          instants(zone, datetime.strptime(text, "%Y-%m-%d %H:%M"))])
    apia = zoneinfo.ZoneInfo("Pacific/Apia")
    for start, end in [("Fri 12:00", "Sat 12:00"), ("Thu 12:00", "Fri 12:00"), ("22:00", "06:00"), ("06:00", "22:00"),
                       ("Mon 00:00", "Fri 00:00"), ("2011-12-30 00:00", "2011-12-31 00:00"),
                       ("2011-12-29 12:00", "2011-12-30 12:00"), ("2011-12-30 12:00", "2011-12-31 12:00")]:
        base = int(datetime(2011, 12, 28, tzinfo=UTC).timestamp())
        yield row("Pacific/Apia", apia, start, end, [base + hour * 3600 for hour in range(0, 120, 2)])


def release():
    """Which release of the database this machine has, as far as it tells."""
    for folder in zoneinfo.TZPATH:
        try:
            with open(f"{folder}/tzdata.zi", encoding="ascii") as file:
                return file.readline().removeprefix("# version").strip()
        except OSError:
            pass
    try:
        import tzdata
        return tzdata.IANA_VERSION
    except ImportError:
        return "unknown"


def main():
    full = sys.argv[1:] == ["full"]
    missing = [name for name in ZONES + OTHERS if name not in zoneinfo.available_timezones()]
    if missing:
        sys.exit(f"no time zone data for {' '.join(missing)}: install tzdata")
    print(f"# zoneinfo, release {release()}")
    for text in about_transitions(FIRST if full else 2024, LAST if full else 2024, full):
        print(text)
    for text in about_wraps(ZONES + OTHERS, range(FIRST, LAST + 1, 2)) if full else about_wraps(ZONES[:4] + OTHERS, [2028]):
        print(text)


if __name__ == "__main__":
    main()
