#!/usr/bin/env python3
"""CloudFormation change sets as a deployment target of gonogo: told as they are, executed by their ARN.

Copy it, make it yours. It needs Python 3 and the AWS command line. `docs/providers/command.md` says what is spoken.

Whoever makes a release (a CI job) creates a change set named after the version it brings: `release-` and the version, with
a dash for whatever a name may not hold; a way back is one as well, `back-` and the version. The template has a parameter
that says which version it is.

    aws cloudformation create-change-set --stack-name shop --change-set-name release-v2-0-0 \\
        --use-previous-template --parameters ParameterKey=Version,ParameterValue=v2.0.0

    [[source]]
    name = "cloudformation"
    kind = "command"
    state = ["/opt/gonogo/cloudformation.py"]
    promote = ["/opt/gonogo/cloudformation.py"]
    roll_back = ["/opt/gonogo/cloudformation.py"]
    state_timeout = 18
    pass = ["AWS_PROFILE", "AWS_REGION"]

    deploy = { source = "cloudformation", args = { stack = "shop" } }

Further args: `aws` (the program, /usr/bin/aws), `parameter` (Version). To execute a change set is accepted at once and takes
its time: `state` tells how it goes. CloudFormation itself guards it: a change set is executed once, and one that was made
for an older stack is obsolete. Executing one deletes the stack's other change sets: make a new way back afterwards.
Drift is what `aws cloudformation detect-stack-drift` last found; it is not started from here.
"""

import hashlib
import json
import os
import re
import subprocess
import sys

NOTHING_DONE = 75
DONE = {"CREATE_COMPLETE": "done", "UPDATE_COMPLETE": "done", "IMPORT_COMPLETE": "done"}
BACK = {"UPDATE_ROLLBACK_COMPLETE": "rolled-back", "IMPORT_ROLLBACK_COMPLETE": "rolled-back"}
# Errors by which the service says that nothing was executed.
REFUSED = ("InvalidChangeSetStatus", "ChangeSetNotFound", "InsufficientCapabilities", "AccessDenied", "ValidationError")
ERROR = re.compile(r"An error occurred \((\w+)\)")


class Told(Exception):
    """What is wrong, in one sentence; `code` is the service's word for it."""

    def __init__(self, text, code=""):
        super().__init__(text)
        self.code = code


class Stack:
    def __init__(self, asked):
        args = asked["args"]
        self.name, self.program = args.get("stack", ""), args.get("aws", "/usr/bin/aws")
        self.parameter = args.get("parameter", "Version")
        if not re.fullmatch(r"[A-Za-z][-A-Za-z0-9]{0,127}", self.name):
            raise Told("args.stack must be a stack's name")

    def call(self, command, *arguments, limit=8):
        env = dict(os.environ, AWS_PAGER="", AWS_MAX_ATTEMPTS="1")
        try:
            done = subprocess.run(
                [self.program, "cloudformation", command, *arguments, "--output", "json"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, env=env, check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise Told(f"aws {command} took longer than {limit} s") from late
        except OSError as error:
            raise Told(f"{self.program}: {error.strerror}") from error
        if done.returncode:
            found = ERROR.search(done.stderr)
            raise Told(f"aws {command}: {found.group(1) if found else 'it failed'}", found.group(1) if found else "")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def look(self):
        [stack] = self.call("describe-stacks", "--stack-name", self.name)["Stacks"]
        return stack

    def version(self, described):
        """The one parameter that says which version it is; no other is told."""
        for one in described.get("Parameters", []):
            if one["ParameterKey"] == self.parameter:
                return one["ParameterValue"]
        raise Told(f"the stack has no parameter {self.parameter}")

    def sets(self):
        return self.call("list-change-sets", "--stack-name", self.name).get("Summaries", [])

    def change_set(self, arn):
        return self.call("describe-change-set", "--change-set-name", arn)


def name_of(way, version):
    return f"{'back' if way == 'roll_back' else 'release'}-{re.sub(r'[^A-Za-z0-9-]', '-', version)}"


def phase(status):
    if status in DONE:
        return DONE[status]
    if status in BACK:
        return BACK[status]
    if "ROLLBACK" in status and status.endswith("IN_PROGRESS"):
        return "rolling-back"
    if status == "REVIEW_IN_PROGRESS" or status == "DELETE_COMPLETE":
        return "stopped"
    if status.endswith("IN_PROGRESS"):
        return "progressing"
    if status.endswith("_FAILED") or status == "ROLLBACK_COMPLETE":
        return "failed"
    return "unknown"


def changes_of(change_set):
    """Each resource by its logical id and type: never a value."""
    counts, resources, hazards = dict.fromkeys(("add", "change", "destroy", "replace"), 0), [], []
    for one in change_set.get("Changes", []):
        change = one["ResourceChange"]
        action, replacement = change["Action"], change.get("Replacement", "False")
        word = {"Add": "add", "Import": "add", "Remove": "destroy", "Modify": "change", "Dynamic": "change"}.get(action)
        if word is None:
            raise Told(f"the change set has an action that is unknown here: {action}")
        address = f"{change['LogicalResourceId']} ({change['ResourceType']})"
        if word == "change" and replacement == "True":
            word = "replace"
        elif action == "Dynamic" or replacement == "Conditional":
            hazards.append({"severity": "warning", "text": f"Whether {address} is replaced shows only when it is done."})
        counts[word] += 1
        resources.append({"address": address, "action": word})
    return {**counts, "resources": resources}, hazards


def usable(change_set, stack, version):
    """True, or why it cannot be executed."""
    if stack.version(change_set) != version:
        return f"the change set {change_set['ChangeSetName']} brings another version"
    if change_set["ExecutionStatus"] != "AVAILABLE":
        reason = change_set.get("StatusReason") or "no reason is told"
        return f"the change set is {change_set['ExecutionStatus']} ({change_set['Status']}): {reason}"
    return True


def drift(stack, described):
    """What the last detection found; None if there was none."""
    status = described.get("DriftInformation", {}).get("StackDriftStatus", "NOT_CHECKED")
    if status == "IN_SYNC":
        return []
    if status != "DRIFTED":
        return None
    filters = ("--stack-resource-drift-status-filters", "MODIFIED", "DELETED")
    found = stack.call("describe-stack-resource-drifts", "--stack-name", stack.name, *filters)
    return [f"{one['LogicalResourceId']} ({one['ResourceType']})" for one in found["StackResourceDrifts"]]


def basis(described, arn):
    moved = described.get("LastUpdatedTime") or described["CreationTime"]
    return f"{described['StackStatus']} since {moved}, change set {arn or 'none'}"


def tell(asked, stack):
    described = stack.look()
    want = asked.get("want") or {}
    way = want.get("verb", "promote")
    version, word = stack.version(described), phase(described["StackStatus"])
    rest = word in ("done", "rolled-back")
    answer = {
        "gonogo": 1, "id": described["StackId"], "basis": basis(described, None), "phase": word,
        "says": described.get("StackStatusReason") or described["StackStatus"], "workload": f"stack {stack.name}",
        "running": [{"version": version}] if rest else [], "target": {"version": version}, "hazards": [], "allowed": {},
        "replicas": {"desired": 0 if word == "stopped" else 1},
    }
    answer["way_back"] = f"create the change set {name_of('roll_back', version)}, and roll back to it"
    # Newest first; what is told of each costs a call, so only of those that could be meant.
    sets = sorted(stack.sets(), key=lambda one: one.get("CreationTime", ""), reverse=True)
    back = [stack.change_set(one["ChangeSetId"]) for one in sets if one["ChangeSetName"].startswith("back-")][:5]
    answer["revisions"] = [{"id": f"live-{version}", "version": version, "standing": "current"}] + [
        {"id": one["ChangeSetId"], "version": stack.version(one), "standing": "past"} for one in back
    ]
    wanted = name_of(way, want["version"]) if want.get("version") else None
    fits = (lambda one: one["ChangeSetName"] == wanted) if wanted else (lambda one: one["ChangeSetName"].startswith("release-"))
    found = next((one for one in sets if fits(one)), None)
    if found and way in ("promote", "roll_back"):
        change_set = stack.change_set(found["ChangeSetId"])
        coming = stack.version(change_set)
        answer["changes"], answer["hazards"] = changes_of(change_set)
        answer["coming"] = {"version": coming}
        answer["allowed"][way] = usable(change_set, stack, want.get("version", coming))
        answer["basis"] = basis(described, change_set["ChangeSetId"])
        drifted = drift(stack, described)
        if drifted is not None:
            answer["changes"]["drift"] = len(drifted)
            answer["changes"]["resources"] += [{"address": address, "action": "drift"} for address in drifted]
    elif wanted:
        answer["allowed"][way] = f"the stack has no change set {wanted}"
    return answer


def carry_out(asked, stack):
    version = asked["want"].get("version", "")
    try:
        described = stack.look()
        named = name_of(asked["ask"], version)
        found = next((one for one in stack.sets() if one["ChangeSetName"] == named), None)
        change_set = stack.change_set(found["ChangeSetId"]) if found else None
    except Told as why:
        refuse(str(why))
    if change_set is None:
        refuse(f"the stack has no change set {named}")
    arn = change_set["ChangeSetId"]
    if described["StackId"] != asked["id"] or basis(described, arn) != asked["basis"]:
        refuse("the stack or the change set is not as it was when the plan was made")
    may = usable(change_set, stack, version)
    if may is not True:
        refuse(may)
    token = hashlib.sha256(f"{arn} {asked['basis']}".encode()).hexdigest()
    try:
        stack.call("execute-change-set", "--change-set-name", arn, "--client-request-token", token, limit=30)
    except Told as why:
        if why.code in REFUSED:
            refuse(str(why))
        raise
    return {"gonogo": 1, "says": f"{change_set['ChangeSetName']} is being executed"}


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(NOTHING_DONE)


def main():
    asked = json.load(sys.stdin)
    try:
        stack = Stack(asked)
        answer = tell(asked, stack) if asked["ask"] == "state" else carry_out(asked, stack)
    except Told as why:
        print(why, file=sys.stderr)
        sys.exit(1)
    json.dump(answer, sys.stdout)


main()
