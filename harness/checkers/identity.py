"""identity: the subject that a server acts on is the task's own, and a walk ticket serves only who walked.

Rules: RFC 7204 3.1(1) and 3.2 (binding of label and subject in transit); a FID alone opens nothing: every ancestor's
`search` was asked of that very subject, or it holds CAP_DAC_READ_SEARCH.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from harness.checkers.methods import SEEKING
from harness.checkers.verdict import Checker
from harness.model.fs import Event
from harness.model.world import CREATED, Op, Rpc, World

_CREDENTIALS = ("uid", "gid", "groups", "caps", "labels")
_SAME = (*_CREDENTIALS, "fscreate", "keycreate", "sockcreate")
_DAC_READ_SEARCH = 1 << 2  # include/uapi/linux/capability.h
# Operations whose task is told what a server asks of others for it.
_TOLD = frozenset({"stat", "lstat", "fstat"})
_WALKS = frozenset({"GetRoot", "Lookup", "Getattr", "Setattr", "Open", "Mkdir", "Mknod", "Symlink", "Link"})


class Identity(Checker):
    """Findings: subject, behalf, walk ticket of another subject, no-walk."""

    name = "identity"
    needs = frozenset({"rpc", "task", "subject"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._walked: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._blind: set[tuple[str, str]] = set()

    def feed(self, event: Event) -> None:
        if event["e"] != "rpc" or not event["method"].startswith(("Mds/", "Oss/")):
            return
        rpc = self.world.rpc(event)
        if event["phase"] == "recv" and event.get("subject"):
            self._received(event)
        elif event["phase"] == "reply" and rpc is not None and not rpc.recv.get("subject") and not _turned_away(event):
            self._received(rpc.recv)
        if event["phase"] == "reply" and event["status"] == 0 and event["method"].startswith("Mds/"):
            self._replied(event)

    def _received(self, event: Event) -> None:
        op = self.world.ops.get(event.get("op") or "")
        if op is None or op.subject is None:
            return
        self.judged += 1
        if self.world.roles.get(event["from"]) in {"mds", "oss"}:
            if event.get("behalf") or not _errand(event["method"], op.invoke["f"]):
                self._compare("behalf", event, op, event.get("behalf"))
        else:
            self._compare("subject", event, op, event.get("subject"))

    def _compare(self, kind: str, event: Event, op: Op, digest: str | None) -> None:
        own, seen = op.subject, self.world.subject(event["n"], digest)
        assert own is not None
        # An open file acts for the subject that opened it (struct file, f_cred), whatever its task creates as by now.
        same = _CREDENTIALS if _by_open_file(event) else _SAME
        different = [key for key in same if seen is None or _value(seen, key) != _value(own, key)]
        if different:
            who = "acts for" if kind == "behalf" else "saw"
            because = f"{event['method']}: {event['n']} {who} a subject that is not the task's ({', '.join(different)})"
            shown = {key: seen.get(key) for key in different} if seen else None
            expected = {key: own.get(key) for key in different}
            self.find(kind, because, event, op.invoke, expected=expected, actual=shown)

    def _replied(self, event: Event) -> None:
        rpc = self.world.rpc(event)
        if rpc is None:
            return
        place = rpc.recv.get("place") or {}
        fid = place.get("fid") or place.get("parent")
        if fid and not event.get("resent"):
            self._ticket(event, rpc, fid)
        if event["method"].removeprefix("Mds/") in _WALKS:
            self._grant(event, rpc, place)

    def _ticket(self, event: Event, rpc: Rpc, fid: str) -> None:
        subject = rpc.recv["subject"]
        walked = self._walked[event["n"]]
        facts = self.world.subject(event["n"], subject)
        self.judged += 1
        if fid in walked[subject] or _may_search_all(facts) or (event["n"], subject) in self._blind:
            return
        others = [other for other, fids in walked.items() if fid in fids]
        if others:
            because = f"{event['method']} on {event['n']} let {fid} be reached on the walk ticket of another subject"
            context = self.world.context(self.world.subject(event["n"], others[0]))
            mine = self.world.context(facts)
            self.find("walk ticket of another subject", because, event, rpc.recv, expected=mine, actual=context)
        else:
            because = f"{event['method']} on {event['n']} let {fid} be reached without a walk of its subject"
            self.find("no-walk", because, event, rpc.recv, expected="a lookup before", actual="none")

    def _grant(self, event: Event, rpc: Rpc, place: dict[str, Any]) -> None:
        """What the reply's ticket is for: the root, what the name leads to, what was just made."""
        subject = rpc.recv["subject"]
        fids = {label["object"] for label in rpc.labels if label.get("why") in CREATED}
        if event["method"] == "Mds/GetRoot":
            fids |= {self.world.tree.root or ""}
        elif place.get("parent"):
            fids |= {fid for fid in self.world.tree.possible(place["parent"], place["name"]) if fid}
            fids |= {fid for _, role, fid, _ in event.get("fired") or () if role == "object" and fid}
        if not fids - {""} and not place.get("fid") and not place.get("handle"):
            # Only a history that begins in the middle has such replies; who was answered then cannot be judged later.
            self._blind.add((event["n"], subject))
            self.unknown(f"the object that {event['method']} on {event['n']} answered with cannot be told")
        self._walked[event["n"]][subject] |= fids


def _errand(method: str, f: str) -> bool:
    """Whether it is a server's own business: as a file is closed, its size, and its objects if it is gone; where an
    open one ends (FIONREAD too); what writes have taken of a file, unless the task asked to be told; and to tell of a
    mode that the task was allowed to set, or that was taken of it by force (fs/attr.c, ATTR_FORCE)."""
    learns = method == "Oss/Glimpse" and f not in _TOLD
    return learns or method == "Oss/Setattr" or f in {"close", "ioctl", *SEEKING}


def _turned_away(event: Event) -> bool:
    """Whether the caller was refused before anybody asked who it acts for (rpc/admission.py)."""
    return event["status"] != 0 and not event.get("case") and not event.get("fired")


def _by_open_file(event: Event) -> bool:
    """Whether the rpc names its object by what open gave: a handle, or a token."""
    return event["method"].startswith("Oss/") or "handle" in (event.get("place") or {})


def _value(subject: Event, key: str) -> Any:
    value = subject.get(key)
    return sorted(value or ()) if key == "groups" else value


def _may_search_all(subject: Event | None) -> bool:
    effective = (subject.get("caps") or {}).get("effective", 0) if subject else 0
    return bool((int(effective, 0) if isinstance(effective, str) else effective) & _DAC_READ_SEARCH)
