#!/usr/bin/env python3
"""Ansible as a deployment target of gonogo: what each host runs, what a playbook would change, and running it.

Copy it, make it yours. It needs Python 3 and ansible-core. `docs/providers/command.md` says what is spoken.

The playbook takes the version as a variable and, as its last task, writes it to a file on each host; that file is what is
believed, and nothing else. Before a plan the playbook is run with `--check`: the tasks that would change something are
counted, and told by host and name. `--diff` is left out: it shows contents, which may be secret.

    [[source]]
    name = "ansible"
    kind = "command"
    state = ["/opt/gonogo/ansible.py"]
    promote = ["/opt/gonogo/ansible.py"]
    roll_back = ["/opt/gonogo/ansible.py"]
    timeout = 3600
    state_timeout = 18
    pass = ["SSH_AUTH_SOCK"]

    deploy = { source = "ansible", args = { playbook = "/srv/shop.yml", inventory = "/srv/hosts", hosts = "web",
                                            file = "/etc/shop/version", history = "/srv/shop.history" } }

Further args: `bin` (the folder of Ansible's programs, /usr/bin), `var` (the variable's name, version), `check` (`no`: never
run the check; a plan says then that nobody knows what would change). `history` is a file of this program's own: versions
that it has brought out, to go back to.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

NOTHING_DONE = 75
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$")
RESULT = re.compile(r"^(changed|fatal|failed): \[([^\] ]+)(?: -> [^\]]*)?\]")


class Told(Exception):
    """What is wrong, in one sentence that holds no value."""


class Place:
    def __init__(self, asked):
        args = asked["args"]
        for name in ("playbook", "inventory", "file", "history"):
            text = args.get(name, "")
            # Where each host has a file of its own: "{{ version_file }}".
            if not os.path.isabs(text) and not (name == "file" and text.startswith("{{")):
                raise Told(f"args.{name} must be an absolute path")
        self.hosts = args.get("hosts", "all")
        if self.hosts.startswith("-"):
            raise Told("args.hosts must be a pattern of hosts")
        self.playbook, self.inventory, self.file = args["playbook"], args["inventory"], args["file"]
        self.history, self.bin, self.var = args["history"], args.get("bin", "/usr/bin"), args.get("var", "version")
        self.check = args.get("check", "yes") != "no"

    def run(self, program, arguments, limit, **more):
        env = dict(
            os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_FORCE_COLOR="0", ANSIBLE_RETRY_FILES_ENABLED="0",
            ANSIBLE_STDOUT_CALLBACK="default", ANSIBLE_DISPLAY_SKIPPED_HOSTS="0", ANSIBLE_NOCOWS="1", LC_ALL="C.UTF-8", **more,
        )
        command = [os.path.join(self.bin, program), "-i", self.inventory, *arguments]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, env=env, check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise Told(f"{program} took longer than {limit} s") from late
        except OSError as error:
            raise Told(f"{command[0]}: {error.strerror}") from error

    def play(self, version, limit, *more):
        """The playbook for a version; the version is handed over in a file, as JSON."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({self.var: version}, file)
            file.flush()
            return self.run("ansible-playbook", ["-e", f"@{file.name}", *more, self.playbook], limit)

    def versions(self):
        """What each host says: a version, None without the file, or why nothing is known."""
        with tempfile.TemporaryDirectory() as folder:
            tree = os.path.join(folder, "told")
            arguments = [self.hosts, "-m", "ansible.builtin.slurp", "-a", f"src={self.file}", "-t", tree]
            done = self.run("ansible", arguments, 10)
            told = {}
            names = sorted(os.listdir(tree)) if os.path.isdir(tree) else []
            for name in names:
                with open(os.path.join(tree, name), encoding="utf-8") as file:
                    result = json.load(file)
                if result.get("unreachable"):
                    told[name] = ("unreachable", None)
                elif "content" in result:
                    told[name] = ("runs", base64.b64decode(result["content"]).decode("utf-8", "replace").strip())
                elif "not found" in str(result.get("msg", "")):
                    told[name] = ("absent", None)
                else:
                    told[name] = ("failed", None)
        if not told:
            raise Told(f"ansible tells of no host {self.hosts!r} (exit code {done.returncode})")
        return told

    def brought(self):
        """Versions that were brought out by this program, the newest first, each once."""
        try:
            with open(self.history, encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except FileNotFoundError:
            return []
        return list(dict.fromkeys(line for line in reversed(lines) if line))[:20]


def basis(told):
    """Changes when any host does."""
    text = json.dumps(sorted((host, *what) for host, what in told.items()))
    return f"{len(told)} hosts, {hashlib.sha256(text.encode()).hexdigest()}"


def identity(place):
    return hashlib.sha256("\0".join((place.inventory, place.hosts, place.file)).encode()).hexdigest()[:16]


def would_change(place, version):
    """What the playbook would change, by a run that changes nothing."""
    done = place.play(version, 15, "--check")
    resources, failed, task = [], [], "a task without a name"
    for line in done.stdout.splitlines():
        named, result = TASK.match(line), RESULT.match(line)
        if named:
            task = named.group(1)
        elif result and result.group(1) == "changed":
            resources.append({"address": f"{result.group(2)}: {task}", "action": "change"})
        elif result:
            failed.append(f"{result.group(2)}: {task}")
    hazards = [{"severity": "warning", "text": f"The check fails there: {one}."} for one in failed[:10]]
    if done.returncode and not failed:
        hazards.append({"severity": "blocking", "text": f"The check cannot be run (exit code {done.returncode})."})
    return {"change": len(resources), "resources": resources}, hazards


def tell(asked, place):
    told = place.versions()
    want = asked.get("want") or {}
    by_version = {}
    for state, version in told.values():
        if state == "runs" and version:
            by_version[version] = by_version.get(version, 0) + 1
    running = [{"version": v, "ready": n} for v, n in sorted(by_version.items(), key=lambda one: (-one[1], one[0]))]
    silent = [host for host, (state, _) in told.items() if state in ("unreachable", "failed")]
    absent = [host for host, (state, _) in told.items() if state == "absent"]
    answer = {
        "gonogo": 1, "id": identity(place), "basis": basis(told), "workload": f"{os.path.basename(place.playbook)} on {place.hosts}",
        "running": running, "replicas": {"desired": len(told)}, "phase": "done", "hazards": [],
        "signs": [f"{host} does not answer" for host in silent[:10]], "allowed": {},
        "remarks": [f"{host} has no version" for host in absent[:10]],
    }
    if not running:
        answer.update(phase="unknown" if silent else "stopped", target={"version": "none"})
        answer["replicas"]["desired"] = len(silent)
    elif len(running) > 1 or silent or absent:
        answer.update(phase="unknown", says=", ".join(f"{one['version']} on {one['ready']}" for one in running))
    runs = running[0]["version"] if running else None
    past = [version for version in place.brought() if version != runs]
    answer["revisions"] = [{"id": version, "version": version, "standing": "past"} for version in past]
    if runs:
        answer["revisions"].insert(0, {"id": runs, "version": runs, "standing": "current"})
    if want.get("version") and place.check:
        answer["changes"], answer["hazards"] = would_change(place, want["version"])
        answer["coming"] = {"version": want["version"]}
    if silent:
        for verb in ("promote", "roll_back"):
            answer["allowed"][verb] = f"{silent[0]} does not answer"
    return answer


def carry_out(asked, place):
    version = asked["want"].get("version", "")
    try:
        told = place.versions()
    except Told as why:
        refuse(str(why))
    if identity(place) != asked["id"] or basis(told) != asked["basis"]:
        refuse("the hosts are not as they were when the plan was made")
    done = place.play(version, None)
    if done.returncode:
        raise Told(f"ansible-playbook ended with exit code {done.returncode}: {recap(done.stdout)}")
    with open(place.history, "a", encoding="utf-8") as file:
        # What was there before is a way back as well.
        first = sorted({v for state, v in told.values() if state == "runs" and v}) if not place.brought() else []
        file.writelines(f"{line}\n" for line in [*first, version])
    return {"gonogo": 1, "says": f"ran {os.path.basename(place.playbook)} for {version}: {recap(done.stdout)}"}


def recap(text):
    """The counts of the recap, by host."""
    _, found, lines = text.partition("PLAY RECAP")
    hosts = [re.sub(r"\s+", " ", line.strip()) for line in lines.splitlines()[1:] if " : " in line]
    return "; ".join(hosts[:5]) if found and hosts else "no recap"


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
