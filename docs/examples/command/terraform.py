#!/usr/bin/env python3
"""Terraform as a deployment target of gonogo: saved plans, summed up, and applied exactly as they were saved.

Copy it, make it yours. It needs Python 3 and nothing else. `docs/providers/command.md` says what is spoken.

Whoever makes a release (a CI job) saves a plan in a folder, named after the version it brings; a way back is a plan too,
in the folder `back` below it:

    terraform -chdir=/srv/shop plan -input=false -var release=v2 -out=/srv/plans/v2.tfplan
    terraform -chdir=/srv/shop plan -input=false -var release=v1 -out=/srv/plans/back/v1.tfplan

The configuration has an output that says which version it is (`output "version" { value = var.release }`).

    [[source]]
    name = "terraform"
    kind = "command"
    state = ["/opt/gonogo/terraform.py"]
    promote = ["/opt/gonogo/terraform.py"]
    roll_back = ["/opt/gonogo/terraform.py"]
    timeout = 3600
    state_timeout = 18

    deploy = { source = "terraform", args = { dir = "/srv/shop", plans = "/srv/plans" } }

Further args: `terraform` (the program, /usr/bin/terraform), `output` (version), `var_file` (for looking for drift), `drift`
(`no`: never look), `drift_every` (seconds, 300).

Values are never told: addresses, actions and counts only, since a plan holds secrets in the clear. Terraform itself
guards the change: it refuses a saved plan when the state has moved since the plan was made.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

NOTHING_DONE = 75
# What Terraform calls it, and what we do; a replacement is a list of two.
ACTIONS = {"create": "add", "update": "change", "delete": "destroy", "forget": "change"}
QUIET = {"no-op", "read"}
# Beginnings of errors after which nothing was changed.
REFUSED = ("Saved plan is stale", "Error acquiring the state lock", "Failed to load", "Inconsistent dependency lock file")


class Told(Exception):
    """What is wrong, in one sentence that holds no value."""


class Place:
    def __init__(self, asked):
        args = asked["args"]
        for name in ("dir", "plans"):
            if not os.path.isabs(args.get(name, "")):
                raise Told(f"args.{name} must be an absolute path")
        self.folder, self.plans = args["dir"], args["plans"]
        self.program = args.get("terraform", "/usr/bin/terraform")
        self.output = args.get("output", "version")
        self.var_file = args.get("var_file")
        self.drift_wanted = args.get("drift", "yes") != "no"
        self.drift_every = int(args.get("drift_every", "300"))

    def run(self, arguments, limit, codes=(0,)):
        env = dict(os.environ, TF_IN_AUTOMATION="1", TF_INPUT="0", CHECKPOINT_DISABLE="1")
        try:
            done = subprocess.run(
                [self.program, f"-chdir={self.folder}", *arguments],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, env=env, check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise Told(f"terraform {arguments[0]} took longer than {limit} s") from late
        except OSError as error:
            raise Told(f"{self.program}: {error.strerror}") from error
        if done.returncode not in codes:
            raise Told(f"terraform {arguments[0]}: {errors(done.stderr)}")
        return done

    def state(self):
        """The state's head and the one output; everything else of it is forgotten at once."""
        text = self.run(["state", "pull"], 12).stdout
        if not text.strip():
            return None
        state = json.loads(text)
        output = state.get("outputs", {}).get(self.output)
        empty = not state.get("resources") and output is None
        instances = [(r, i) for r in state.get("resources", []) for i in r.get("instances", [])]
        tainted = [f"{r['type']}.{r['name']}" for r, i in instances if i.get("status") == "tainted"]
        if not empty and (output is None or output.get("sensitive") or not isinstance(output["value"], str)):
            raise Told(f"the state has no output {self.output!r} that is a plain text")
        return {
            "lineage": state["lineage"], "serial": state["serial"],
            "version": None if empty else output["value"], "tainted": tainted,
        }

    def last(self):
        """What our last apply came to: a state that tells the new version may be half of it."""
        try:
            with open(os.path.join(self.plans, ".last.json"), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def note(self, version, end, serial=None):
        path = os.path.join(self.plans, ".last.json")
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump({"version": version, "end": end, "serial": serial}, file)
        os.replace(file.name, path)

    def file(self, version, way):
        """The saved plan of a version; a version is a name, never a path."""
        if not version or version.startswith((".", "-")) or "/" in version:
            raise Told(f"{version!r} cannot name a plan")
        folder = self.plans if way == "promote" else os.path.join(self.plans, "back")
        return os.path.join(folder, f"{version}.tfplan")

    def saved(self, way):
        """Versions that have a plan, the newest plan first."""
        folder = self.plans if way == "promote" else os.path.join(self.plans, "back")
        try:
            files = [entry for entry in os.scandir(folder) if entry.name.endswith(".tfplan") and entry.is_file()]
        except FileNotFoundError:
            return []
        files.sort(key=lambda entry: (-entry.stat().st_mtime_ns, entry.name))
        return [entry.name[: -len(".tfplan")] for entry in files]


def errors(text):
    """The titles of Terraform's errors: what follows them may quote values."""
    lines = (line.strip("│╷╵ \t") for line in text.splitlines())
    titles = [line for line in lines if line.startswith(("Error:", "Error "))]
    return "; ".join(titles[:3]) or "it failed"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def plan_of(place, path):
    """What a saved plan would do, counted."""
    plan = json.loads(place.run(["show", "-json", path], 12).stdout)
    if plan["format_version"].split(".")[0] not in ("0", "1"):
        raise Told(f"plans of format {plan['format_version']} are unknown here")
    counts, resources, forgotten = dict.fromkeys(("add", "change", "destroy", "replace"), 0), [], 0
    for resource in plan.get("resource_changes", []):
        actions = resource["change"]["actions"]
        if set(actions) <= QUIET:
            continue
        if sorted(actions) == ["create", "delete"]:
            action = "replace"
        elif len(actions) == 1 and actions[0] in ACTIONS:
            action = ACTIONS[actions[0]]
        else:
            raise Told(f"the plan has an action that is unknown here: {'/'.join(actions)}")
        forgotten += actions == ["forget"]
        counts[action] += 1
        resources.append({"address": resource["address"], "action": action})
    hazards = []
    if plan.get("complete") is False:
        hazards.append({"severity": "warning", "text": "The plan is not complete: more would be left to do."})
    if forgotten:
        hazards.append({"severity": "warning", "text": f"{forgotten} forgotten: they go on existing, unmanaged."})
    usable = True
    if plan.get("errored"):
        usable = "the plan has errors"
    elif plan.get("applyable") is False:
        usable = "the plan has nothing to apply"
    return {**counts, "resources": resources}, hazards, usable


def look_for_drift(place):
    """What was changed outside of Terraform, by a plan that only refreshes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "drift.tfplan")
        more = [f"-var-file={place.var_file}"] if place.var_file else []
        arguments = ["plan", "-refresh-only", "-detailed-exitcode", "-input=false", "-lock=false", "-no-color"]
        done = place.run([*arguments, f"-out={path}", *more], 12, codes=(0, 2))
        if done.returncode == 0:
            return []
        drift = json.loads(place.run(["show", "-json", path], 12).stdout).get("resource_drift", [])
        return [one["address"] for one in drift if one["change"]["actions"] != ["no-op"]]


def drift(place, serial, may_look):
    """Drift as it was last looked for; a look that is due is taken when nobody waits for a plan."""
    if not place.drift_wanted:
        return None, []
    kept = os.path.join(place.plans, ".drift.json")
    try:
        with open(kept, encoding="utf-8") as file:
            known = json.load(file)
    except (OSError, ValueError):
        known = {}
    fresh = known.get("serial") == serial and time.time() - known.get("at", 0) < place.drift_every
    if fresh or not may_look:
        return (known["drift"], []) if known.get("serial") == serial else (None, [])
    try:
        found = look_for_drift(place)
    except Told as why:
        return None, [f"drift could not be looked for: {why}"]
    half = f"{kept}.{os.getpid()}"
    try:
        with open(half, "w", encoding="utf-8") as file:
            json.dump({"serial": serial, "at": time.time(), "drift": found}, file)
        os.replace(half, kept)
    except OSError as error:
        return found, [f"drift is looked for each time: {kept}: {error.strerror}"]
    return found, []


def phase(place, state):
    """How it stands, and why: a version that the state tells is only there if all of the apply was carried out."""
    if not state or not state["version"]:
        return "stopped", None
    last = place.last()
    if last and last["end"] is None:
        return "progressing", f"{last['version']} is being applied, or was cut off"
    if last and last["end"] != "done" and last["serial"] == state["serial"]:
        return "failed", f"{last['version']}: {last['end']}"
    if state["tainted"]:
        return "failed", f"tainted: {', '.join(state['tainted'][:5])}"
    return "done", None


def tell(asked, place):
    state = place.state()
    want = asked.get("want") or {}
    way = want.get("verb", "promote")
    runs = state and state["version"]
    coming = want.get("version") or next((name for name in place.saved("promote") if name != runs), None)
    word, says = phase(place, state)
    answer = {
        "gonogo": 1, "id": place.folder, "workload": f"terraform {place.folder}",
        "phase": word, "says": says, "running": [{"version": runs}] if runs else [],
        "basis": basis(state, None), "remarks": [], "hazards": [], "allowed": {},
        "revisions": [{"id": name, "version": name, "standing": "past"} for name in place.saved("roll_back") if name != runs],
    }
    if runs:
        # A plan that is saved already will be stale by then.
        answer["way_back"] = f"save a plan for {runs} in {place.plans}/back, and roll back to it"
        answer["revisions"].insert(0, {"id": f"serial {state['serial']}", "version": runs, "standing": "current"})
    if coming and way in ("promote", "roll_back"):
        path = place.file(coming, way)
        if os.path.isfile(path):
            changes, answer["hazards"], usable = plan_of(place, path)
            answer["changes"], answer["coming"] = changes, {"version": coming}
            answer["allowed"][way] = usable
            answer["basis"] = basis(state, digest(path))
            drifted, remarks = drift(place, state["serial"] if state else 0, may_look=not want)
            answer["remarks"] += remarks
            if drifted is not None:
                changes["drift"] = len(drifted)
                changes["resources"] += [{"address": address, "action": "drift"} for address in drifted]
        else:
            answer["allowed"][way] = f"there is no saved plan {path}"
    return answer


def basis(state, plan):
    serial = f"lineage {state['lineage']} serial {state['serial']}" if state else "no state"
    return f"{serial}, plan {plan}" if plan else serial


def carry_out(asked, place):
    version = asked["want"].get("version", "")
    path = place.file(version, asked["ask"])
    with tempfile.TemporaryDirectory() as folder:
        # What is applied is what was hashed, whoever writes to the other file meanwhile.
        copy = os.path.join(folder, "saved.tfplan")
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            refuse(f"{path}: {error.strerror}")
        try:
            state = place.state()
        except Told as why:
            refuse(str(why))
        if place.folder != asked["id"]:
            refuse("this is another configuration")
        if basis(state, digest(copy)) != asked["basis"]:
            refuse("the state or the saved plan is not the one that the plan was made from")
        before = place.last()
        try:
            place.note(version, None)
        except OSError as error:
            refuse(f"{place.plans}: {error.strerror}")
        try:
            place.run(["apply", "-input=false", "-no-color", "-lock-timeout=10s", copy], None)
        except Told as why:
            if any(f"Error: {words}" in str(why) for words in REFUSED):
                place.note(before.get("version"), before.get("end", "done"), before.get("serial"))
                refuse(str(why))
            after = place.state()
            place.note(version, str(why), after and after["serial"])
            raise
        place.note(version, "done")
    return {"gonogo": 1, "says": f"applied {os.path.basename(path)}"}


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(NOTHING_DONE)


def main():
    asked = json.load(sys.stdin)
    try:
        place = Place(asked)
        answer = tell(asked, place) if asked["ask"] == "state" else carry_out(asked, place)
    except Told as why:
        print(why, file=sys.stderr)
        sys.exit(1)
    json.dump(answer, sys.stdout)


main()
