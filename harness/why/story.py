"""The history of one cluster, indexed by what an explanation asks for."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from harness import history
from harness.history import Event
from harness.model.policy import Mode
from harness.store import Run

LABEL = "security.selinux"


class Story:
    """All events of one cluster. Every look-up of what the history did not tell gives None."""

    def __init__(self, part: Path) -> None:
        """Raises FileNotFoundError, history.Corrupt."""
        self.part = part
        self.at: dict[tuple[str, int], Event] = {}
        self.ops: dict[str, Event] = {}
        self.ends: dict[str, Event] = {}
        self.avcs: list[Event] = []
        self.labels: dict[str, list[Event]] = defaultdict(list)
        self.raws: dict[str, Event] = {}
        self.rpcs: dict[tuple[str, str], dict[str, Event]] = defaultdict(dict)
        self._subjects: dict[tuple[str, str], Event] = {}
        self._logins: dict[tuple[str, str], Event] = {}
        self._policies: dict[str, list[Event]] = defaultdict(list)
        for event in history.read(part / "history").events:
            self._take(event)

    def op(self, event: Event) -> Event | None:
        """The invoke event of the operation that an event belongs to."""
        name = event.get("op") or (self.rpc(event) or {}).get("op")
        return self.ops.get(name) if name else None

    def rpc(self, event: Event) -> Event | None:
        """The `recv` event of the rpc that an event of the serving node belongs to."""
        return self.rpcs.get((event["n"], event["rpc"]), {}).get("recv") if event.get("rpc") else None

    def case(self, event: Event) -> str | None:
        """The mediation case in which the event's rpc was taken."""
        reply = self.rpcs.get((event["n"], event["rpc"]), {}).get("reply") if event.get("rpc") else None
        return reply.get("case") if reply else None

    def subject(self, node: str, digest: str | None) -> Event | None:
        """A subject as the node's file interned it."""
        return self._subjects.get((node, digest)) if digest else None

    def login(self, client: str, task: str) -> Event | None:
        """How a task came to be."""
        return self._logins.get((client, task))

    def mode(self, event: Event) -> Mode | None:
        """What the event's node enforced when it happened."""
        before = [policy for policy in self._policies[event["n"]] if policy["i"] < event["i"]]
        if not before:
            return None
        last = before[-1]
        booleans = tuple(sorted((last.get("booleans") or {}).items()))
        return Mode(last["digest"], last["enforcing"], booleans, last["seqno"])

    def policy_name(self, event: Event) -> str:
        """Name, sequence number and state of the policy that the event was decided under."""
        before = [policy for policy in self._policies[event["n"]] if policy["i"] < event["i"]]
        if not before:
            return "no policy"
        last = before[-1]
        mode = "enforcing" if last["enforcing"] else "permissive"
        return f"{last.get('name')} (seqno {last['seqno']}, {mode})"

    def decided_before(self, event: Event) -> list[Event]:
        """The decisions of the event's own rpc before it, in their order."""
        rpc = event.get("rpc")
        return [
            avc
            for avc in self.avcs
            if rpc and (avc["n"], avc.get("rpc")) == (event["n"], rpc) and avc["i"] < event["i"]
        ]

    def judged(self, event: Event, role: str) -> str | None:
        """The context that SELinux judged the object of that role by, in the event's own rpc before it."""
        found = [avc for avc in self.decided_before(event) if avc["role"] == role and avc["module"] == "selinux"]
        return str(found[-1]["tcontext"]) if found else None

    def label_before(self, fid: str | None, event: Event) -> str | None:
        """The SELinux label that an object had when the event happened, as the MDS stored it."""
        found = [
            label for label in self.labels.get(fid or "", ()) if label["role"] == "mdt" and label["c"] < event["c"]
        ]
        same = [
            label for label in self.labels.get(fid or "", ()) if label["n"] == event["n"] and label["i"] < event["i"]
        ]
        chain = [label for label in (same or found) if label["role"] == "mdt" and label["name"] == LABEL]
        return chain[-1]["new"] if chain else None

    def path(self, fid: str | None) -> str:
        """The path that the object was made at, or the FID where the history does not tell."""
        if not fid:
            return "nothing"
        raw = self.raws.get(fid)
        if raw is not None and raw.get("path"):
            return str(raw["path"])
        return self._made_at(fid, set()) or fid

    def _made_at(self, fid: str, seen: set[str]) -> str | None:
        made = next((label for label in self.labels.get(fid, ()) if label.get("as")), None)
        if made is None or fid in seen:
            return None
        if made.get("parent") is None:
            return "/"
        folder = self._made_at(made["parent"], seen | {fid})
        return f"{folder.rstrip('/')}/{made['as']}" if folder else None

    def _take(self, event: Event) -> None:
        self.at[event["n"], event["i"]] = event
        reader = getattr(self, f"_on_{event['e']}", None)
        if reader is not None:
            reader(event)

    def _on_op(self, event: Event) -> None:
        (self.ops if event["phase"] == "invoke" else self.ends)[event["op"]] = event

    def _on_rpc(self, event: Event) -> None:
        if event["phase"] in ("recv", "reply"):
            self.rpcs[event["n"], event["rpc"]][event["phase"]] = event

    def _on_avc(self, event: Event) -> None:
        self.avcs.append(event)

    def _on_label(self, event: Event) -> None:
        self.labels[event["object"]].append(event)

    def _on_raw(self, event: Event) -> None:
        if event.get("path"):
            self.raws[event["object"]] = event

    def _on_subject(self, event: Event) -> None:
        self._subjects[event["n"], event["id"]] = event

    def _on_task(self, event: Event) -> None:
        if event["phase"] == "login":
            self._logins[event["n"], event["task"]] = event

    def _on_policy(self, event: Event) -> None:
        self._policies[event["n"]].append(event)


def stories(run: Run) -> list[Story]:
    """One a cluster of the run. Raises FileNotFoundError where it has no history."""
    parts = run.parts()
    if not parts:
        raise FileNotFoundError(2, "no history here; give the folder of a run", str(run.path))
    return [Story(part) for part in parts]


def call(op: Event) -> str:
    """An operation as it was called."""
    arguments = ", ".join(f"{name}={_value(name, value)}" for name, value in op["args"].items())
    return f"{op['f']}({arguments})"


def _value(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and name in ("mode", "flags"):
        return oct(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
