"""Checks a gonogo journal by docs/journal.md alone: verify_journal.py JOURNAL [COUNT:HASH of an anchor]... 0: sound."""
import datetime, hashlib, json, os, re, sys
MEMBERS, LEFT_BY_ONE_APPEND = {"action", "actor", "body", "kind", "seq", "time", "prev", "hash"}, 2


class Unsound(ValueError): """What speaks against the journal."""


def once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Unsound("a member stands twice")
    return dict(pairs)


def moment(text):
    return re.fullmatch(r"[-0-9]{10}T[:0-9]{8}([.][0-9]+)?Z", text) and datetime.datetime.fromisoformat(text[:19])


def line_of(raw, seq, prev):
    """The line in these bytes, if it follows line `seq` with hash `prev`."""
    try:
        line = json.loads(raw.decode(), object_pairs_hook=once)
        sealed = re.fullmatch(rb'(.*),"hash":"([0-9a-f]{64})"}', raw, re.DOTALL)
        good = set(line) == MEMBERS and hashlib.sha256(sealed[1]).hexdigest() == sealed[2].decode() == line["hash"]
        good = good and moment(line["time"])
    except (ValueError, TypeError, RecursionError):
        return None
    return line if good and type(line["seq"]) is int and line["seq"] == seq + 1 and line["prev"] == prev else None


def lines_in(data):
    """Each whole line with the place where it ends; a rest without an end comes as None."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        raw, at = (None, len(data)) if end < 0 else (data[at:end], end + 1)
        yield raw, at


def opening_of(number, data):
    """What the first line of a later segment says it follows."""
    raw = next(lines_in(data), (None, 0))[0]
    try:
        after = json.loads(raw)["body"]["after"]
        line = line_of(raw, after["count"], after["hash"])
        fits = line and line["body"]["segment"] == number and after["segment"] == number - 1
        return after if fits and line["kind"] == "segment" else None
    except (ValueError, KeyError, TypeError):
        return None


def check(path, anchors):
    stem, ext = os.path.splitext(path)
    try:
        head = json.load(open(path + ".head", "rb"), object_pairs_hook=once) if os.path.exists(path + ".head") else None
        if head and (set(head) != {"count", "hash", "segment", "length", "time"} or not moment(head["time"])):
            raise Unsound
    except (ValueError, TypeError):
        raise Unsound("the head file is none")
    files = [path]
    while os.path.exists(name := f"{stem}.{len(files) + 1}{ext}"):
        files.append(name)
    if not os.path.exists(path) or head and head["segment"] > len(files):
        raise Unsound("a file is gone")
    data, seq, prev, hashes, beyond = [open(name, "rb").read() for name in files], 0, "0" * 64, {}, 0
    for number, content in enumerate(data, 1):
        after = opening_of(number + 1, data[number]) if number < len(data) else None
        limit, at = min(after["length"], len(content)) if after else len(content), 0
        proved = limit if not head or head["segment"] > number else head["length"] if head["segment"] == number else 0
        for raw, end in lines_in(content[:limit]):
            line = raw is not None and line_of(raw, seq, prev)
            if not line or (number > 1 and at == 0 and not opening_of(number, content)):
                if after or at < proved and not (raw is None and not head and number == len(data)):
                    raise Unsound(f"line {seq + 1} does not hold")
                beyond += limit - at
                break
            seq, prev, at = seq + 1, line["hash"], end
            hashes[seq] = prev
            if head and head["count"] == seq and (head["segment"], head["length"]) != (number, end):
                raise Unsound(f"line {seq} does not end where the head file says")
        if after:
            left, last = seq, prev
            if (seq, prev) != (after["count"], after["hash"]):
                raise Unsound(f"segment {number + 1} does not follow line {seq}")
            for raw, _ in lines_in(content[after["length"]:]):
                line = raw is not None and line_of(raw, left, last)
                left, last = (left + 1, line["hash"]) if line else (left, ())
            if left - seq > LEFT_BY_ONE_APPEND or head and head["segment"] == number and head["count"] > seq:
                raise Unsound(f"segment {number + 1} leaves out lines")
    for count, value in anchors + ([(head["count"], head["hash"])] if head and head["count"] else []):
        if hashes.get(count) != value:
            raise Unsound(f"line {count} is not the one that the head file or an anchor names")
    return f"{seq} lines hold, {beyond} unfinished bytes"


if __name__ == "__main__":
    try:
        print("sound:", check(sys.argv[1], [(int(c), h) for c, h in (a.split(":") for a in sys.argv[2:])]))
    except Unsound as why:
        sys.exit(f"NOT SOUND: {why}")
