"""Decisions as the kernel's audit log tells them, and when two lists of them are the same.

Source: security/selinux/avc.c (avc_audit_required): a denial names the missing permissions only, a grant the whole
query; one is logged by auditallow, the other unless dontaudit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Permissions = frozenset[str]
_SEARCH: Permissions = frozenset({"search"})
# What overrides the mode bits of a directory (fs/namei.c, generic_permission).
_OVERRIDES: Permissions = frozenset({"dac_read_search", "dac_override"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the kernel's log, or what would be one. `requested` is known of a cluster's decision only."""

    granted: bool
    perms: Permissions
    scontext: str
    tcontext: str
    tclass: str
    requested: Permissions | None = None

    def __str__(self) -> str:
        what = "granted" if self.granted else "denied"
        return f"{what} {{ {' '.join(sorted(self.perms))} }} on {self.tclass} {self.tcontext} to {self.scontext}"


def logged(records: Iterable[Mapping[str, Any]], op: str) -> list[Check]:
    """A step's records of the kernel, without what is the machine's and not the rule's (docs/oracle.md)."""
    found = [
        Check(item["res"] == "granted", frozenset(item["perms"]), item["scontext"], item["tcontext"], item["tclass"])
        for item in records
        if "res" in item and not item["tclass"].endswith("_socket")
    ]
    return walked(_without_c_library(found) if op == "readdir" else found)


def of_socket(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last check of the kernel was of a socket, and denied."""
    last = records[-1] if records else {}
    return str(last.get("tclass")).endswith("_socket") and last.get("res") == "denied" and last.get("permissive") == "0"


def decided(events: Sequence[Mapping[str, Any]], runner: str) -> tuple[Check, ...]:
    """An operation's decisions as its `avc` events tell them: the servers' for the task, and the agent's for itself.

    Decisions for another subject than the client's task (a server's own, an administrator's), the one for the mount,
    which a local filesystem has no counterpart of, and what a server asks again are left out.
    """
    mine = [e for e in events if _counts(e) and e["scontext"].split(":")[2:3] != runner.split(":")[2:3]]
    mine.sort(key=lambda event: (event["c"], event["n"], event["i"]))
    return tuple(walked([_decision(event) for event in _once(mine, events) if event["audited"]]))


def walked(checks: Sequence[Check]) -> list[Check]:
    """The same without what is said twice within one walk, a `{search}` and the capability that the mode bits needed:
    how often a path is walked is the machine's."""
    found: list[Check] = []
    walk: set[tuple[str, str]] = set()
    by_capability: list[Check] = []
    for check in checks:
        if check.tclass == "capability" and check.perms <= _OVERRIDES:
            by_capability.append(check)
            continue
        between = check.scontext, check.tcontext
        searching = check.perms == _SEARCH and check.tclass == "dir" and check.requested in (None, _SEARCH)
        # What was denied and let pass is granted the second time.
        if not (searching and between in walk):
            found += [*by_capability, check]
        walk = walk | {between} if searching else set()
        by_capability = []
    return found + by_capability


def same(kernel: Check, cluster: Check, *, asked: bool) -> bool:
    """Whether the two are one decision; `asked`: only what was asked counts, not whether it was denied or granted.

    Where denials are let pass the first one is logged, and is a grant from then on until the cache is flushed.
    """
    if (kernel.scontext, kernel.tcontext, kernel.tclass) != (cluster.scontext, cluster.tcontext, cluster.tclass):
        return False
    if not asked:
        return (kernel.granted, kernel.perms) == (cluster.granted, cluster.perms)
    requested = cluster.requested or cluster.perms
    # A grant names the whole query, a denial what is missing of it.
    return kernel.perms == requested if kernel.granted else kernel.perms <= requested


def _counts(event: Mapping[str, Any]) -> bool:
    if event["e"] != "avc" or event["module"] != "selinux" or event["hook"] == "sb_kern_mount":
        return False
    if event["vantage"] == "agent":
        return True
    # The MDS asks a task's own attributes again, by the claim that came with them; a server calls as itself.
    own = event["hook"] == "setprocattr" or event["behalf"] or not str(event["rpc"]).startswith("client")
    # The kernel too asks the user of an open file again after a relabel (selinux_file_permission).
    once = event["vantage"] == "server" or event["hook"] == "file_permission"
    return once and not own


def _once(mine: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same without the search of where a rename's first path ends, and the capability for it, that the rename asks
    again, as a server takes no client's word: a Lookup of the second path has asked it in its place."""
    renames = {event["rpc"] for event in events if event["e"] == "rpc" and event.get("method") == "Mds/Rename"}
    first = {event["object"] for event in mine if event.get("role") == "first"}
    found: list[Mapping[str, Any]] = []
    for event in mine:
        searches = (event.get("role"), event["requested"]) == ("parent", ["search"])
        again = searches and event["rpc"] in renames and event["object"] in first
        while again and found and (found[-1]["rpc"], found[-1]["hook"]) == (event["rpc"], "capable"):
            found.pop()
        found += [] if again else [event]
    return found


def _decision(event: Mapping[str, Any]) -> Check:
    requested, denied = frozenset(event["requested"]), frozenset(event["denied"])
    return Check(not denied, denied or requested, event["scontext"], event["tcontext"], event["tclass"], requested)


def _without_c_library(checks: list[Check]) -> list[Check]:
    """opendir(3) makes one fstat, which is the library's and not the call's."""
    for index, check in enumerate(checks):
        if check.perms == {"getattr"} and check.tclass == "dir":
            return checks[:index] + checks[index + 1 :]
    return checks
