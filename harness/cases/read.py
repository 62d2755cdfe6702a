"""A file -> a Case, everything in it checked that can be without a cluster.

name: A guest cannot read what alice keeps
subjects:
  alice: {context: "user_u:user_r:user_t:s0", uid: 1001}
objects:
  - {path: shared, kind: directory, label: transition}
steps:
  - as: alice
    create: {path: shared/notes}
    labels: {shared/notes: "user_u:object_r:newfile_t:s0"}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from harness import choices, policies, subjects
from harness.cases import words
from harness.cases.nodes import Node, document
from harness.cases.steps import Reader, data, parsed
from harness.cases.values import Case, Object, Subject
from harness.cases.words import Names
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.subjects import SubjectSpec

KEYS = ("name", "policy", "profile", "cluster", "names", "subjects", "objects", "steps", "labels", "decisions")
SUBJECT = ("context", "uid", "gid", "groups", "caps", "fscreate", "umask", "comm")
OBJECT = ("path", "kind", "label", "mode", "owner", "content", "target")
KINDS = ("directory", "file", "symlink", "fifo", "socket", "character", "block")
# Of ClusterSpec; what a case says elsewhere, or cannot say as text, is none of them.
CLUSTER = {
    name: hint
    for name, hint in get_type_hints(ClusterSpec).items()
    if name in {field.name for field in fields(ClusterSpec)} - {"policy", "nodemaps", "recording"}
    and hint in (int, float, str, str | None, tuple[str, ...])
}
_OWNER = re.compile(r"(\d+):(\d+)")
_UNKNOWN = Policy("", b"", "", "", 0)  # stands for the run's policy while the cluster's fields are checked


def read(path: Path, who: Profile | None = None) -> Case:
    """The case in a file; `who`: the profile of the run, for a file that brings no policy of its own.

    Raises OSError, and ValueError naming file, line and remedy.
    """
    top = document(path)
    given = top.mapping(KEYS, ("name",))
    if not given["name"].text().strip():
        raise given["name"].wrong("the name is empty; say what the case shows")
    if "profile" in given and "policy" not in given:
        raise given["profile"].wrong("a profile belongs to a policy; give `policy` too")
    policy, profile = (_beside(given[key]) if key in given else None for key in ("policy", "profile"))
    if policy is not None:
        _policy(given["policy"], policy)
        who = _profile(given.get("profile", given["policy"]), profile, policy)
    cluster = _cluster(given["cluster"]) if "cluster" in given else {}
    names = Names({name: words.context(item) for name, item in _mapping(given, "names").items()}, who)
    known = _of_profile(who) | {name: _subject(name, item, names) for name, item in _mapping(given, "subjects").items()}
    nodes = [name for name, _ in ClusterSpec(**cluster).nodes()]
    reader = Reader(names, known, nodes)
    objects = tuple(_object(item, names, known) for item in _items(given, "objects"))
    steps = tuple(reader.step(item) for item in _items(given, "steps"))
    labels = reader.labels(given.get("labels"))
    decisions = _mapping(given, "decisions", ("allowed", "denied", "in-order"))
    in_order = tuple(access for item in _items(decisions, "in-order") for access in _one(reader, item))
    case = Case(
        path, given["name"].text(), given["name"].line, policy, profile, cluster, known,
        who.directories.get("inherit") if who else None, objects, steps, labels, tuple(reader.accesses(decisions)),
        in_order,
    )  # fmt: skip
    if not _expects(case, given):
        raise top.wrong("nothing is expected here; give a step `expect`, `labels`, `allowed` or `denied`")
    if "admin" not in known:
        raise top.wrong("nobody lays out the objects; give a subject `admin`, or a policy with its profile")
    return case


def _expects(case: Case, given: Mapping[str, Node]) -> bool:
    """Whether a wrong label or decision could be seen at all."""
    steps = [item.mapping() for item in given["steps"].items()] if "steps" in given else []
    seen = any({"expect", "labels", "allowed", "denied"} & step.keys() for step in steps)
    return bool(seen or case.labels or case.decisions or case.in_order)


def _one(reader: Reader, node: Node) -> Any:
    return reader.accesses(node.mapping(("allowed", "denied")))


def _policy(node: Node, name: str) -> None:
    if name not in policies.NAMES and not Path(name).is_file():
        raise node.wrong(f"no policy {name!r}; give {', '.join(policies.NAMES)}, or a policy file beside this one")


def _profile(node: Node, profile: str | None, policy: str) -> Profile | None:
    try:
        return choices.profile(profile, policy)
    except (OSError, ValueError) as error:
        raise node.wrong(f"the profile does not read: {error}") from error


def _beside(node: Node) -> str:
    """A file beside this one, else the name as it is."""
    beside = node.path.parent / node.text()
    return str(beside) if beside.is_file() else node.text()


def _cluster(node: Node) -> dict[str, Any]:
    found = {name: _field(item, CLUSTER[name]) for name, item in node.mapping(tuple(CLUSTER)).items()}
    if found.get("mode") == "disabled":
        raise node.wrong("without SELinux there are no labels to expect; give mode enforcing or permissive")
    try:
        replace(ClusterSpec(policy=_UNKNOWN), **found).validate()
    except ValueError as error:
        raise node.wrong(str(error)) from None
    return found


def _field(node: Node, hint: Any) -> Any:
    if hint in (int, float):
        return parsed(node, words.number if hint is int else words.seconds)
    return tuple(item.text() for item in node.items()) if hint == tuple[str, ...] else node.text()


def _subject(name: str, node: Node, names: Names) -> Subject:
    """A context alone, or a mapping with it."""
    if node.scalar:
        return Subject(name, SubjectSpec(names.context(node)))
    given = node.mapping(SUBJECT, ("context",))
    uid, gid = (parsed(given[key], words.identity) if key in given else 1000 for key in ("uid", "gid"))
    groups = tuple(parsed(item, words.identity) for item in _items(given, "groups"))
    caps = _caps(given["caps"]) if "caps" in given else 0
    fscreate = names.context(given["fscreate"]) if "fscreate" in given else None
    comm = given["comm"].text() if "comm" in given else name[:15]
    umask = parsed(given["umask"], words.number) if "umask" in given else 0o022
    return Subject(name, SubjectSpec(names.context(given["context"]), uid, gid, groups, caps, fscreate, comm), umask)


def _caps(node: Node) -> int:
    """`all`, `none`, or capabilities by name."""
    if node.scalar and node.text() in ("all", "none"):
        return subjects.mask("all") if node.text() == "all" else 0
    try:
        return subjects.mask([item.text() for item in node.one_or_more()])
    except ValueError as error:
        raise node.wrong(str(error)) from None


def _of_profile(who: Profile | None) -> dict[str, Subject]:
    """The subjects that a profile names: `admin`, with all capabilities, and `user`."""
    if who is None:
        return {}
    admin = SubjectSpec(who.admin, 0, 0, caps=subjects.mask("all"), comm="admin")
    return {"admin": Subject("admin", admin), "user": Subject("user", SubjectSpec(who.user, comm="user"))}


def _object(node: Node, names: Names, known: Mapping[str, Subject]) -> Object:
    given = node.mapping(OBJECT, ("path", "kind"))
    kind = given["kind"].word(KINDS)
    for key, of in (("content", "file"), ("target", "symlink")):
        if key in given and kind != of:
            raise given[key].wrong(f"only a {of} has a {key}; leave it out")
    if kind == "symlink" and "target" not in given:
        raise node.wrong("a symlink needs a target; give it")
    return Object(
        node.line, words.path(given["path"]), kind,
        names.context(given["label"]) if "label" in given else None,
        parsed(given["mode"], words.number) if "mode" in given else None,
        _owner(given["owner"], known) if "owner" in given else (0, 0),
        data(given["content"]) if "content" in given else b"",
        given["target"].text() if "target" in given else "",
    )  # fmt: skip


def _owner(node: Node, known: Mapping[str, Subject]) -> tuple[int, int]:
    """A subject, or UID:GID."""
    if found := _OWNER.fullmatch(node.text()):
        return int(found[1]), int(found[2])
    spec = known[node.word(known)].spec
    return spec.uid, spec.gid


def _mapping(given: Mapping[str, Node], key: str, known: Collection[str] = ()) -> dict[str, Node]:
    return given[key].mapping(known) if key in given else {}


def _items(given: Mapping[str, Node], key: str) -> list[Node]:
    return given[key].items() if key in given else []
