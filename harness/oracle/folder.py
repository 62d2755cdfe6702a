"""A folder of cases: classes.cil + oracle.cil = the policy; cases.json; one <result>.json for each kernel run.

docs/oracle.md describes the format. Whatever does not fit it is a ValueError that names the file and the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.oracle import values
from harness.policy import Policy
from harness.subjects import SubjectSpec

POLICY = ("classes.cil", "oracle.cil")
CASES = "cases.json"
FSTYPE = "lustre"

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `subject` is a whole context; `last` are the runner's steps that put things right afterwards."""

    id: str
    subject: str
    uid: int
    fscreate: str | None
    setup: tuple[Step, ...]
    steps: tuple[Step, ...]
    last: tuple[Step, ...]

    def login(self) -> SubjectSpec:
        """The task's credentials: uid 0 is root with all capabilities, of which the policy says which it may use."""
        caps = (1 << 41) - 1 if self.uid == 0 else 0
        return SubjectSpec(self.subject, self.uid, self.uid, caps=caps, comm="python3")


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel did: by case the steps and the objects found afterwards.

    `lenient` are the domains whose denials are let pass by the policy.
    """

    name: str
    permissive: bool
    lenient: frozenset[str]
    results: Mapping[str, Mapping[str, Any]]

    def asked(self, scontext: str) -> bool:
        """Whether it only counts what a subject asked: denials let pass are granted from the cache the next time."""
        return self.permissive or scontext.split(":")[2:3] in [[domain] for domain in self.lenient]


def context(text: str | None, role: str = "object_r") -> str | None:
    """A label as the cases write it: a bare type, `type@level`, or a whole context."""
    if text is None:
        return None
    name, _, level = text.partition("@")
    if not level and (":" in text or text == "garbage"):
        return text
    return f"sysu:{role}:{name}:{level or 's0'}"


def cases(folder: Path) -> list[Case]:
    """The cases in their order. Raises OSError, ValueError."""
    path = folder / CASES
    found = _list(_read(path), f"{path}")
    return [_case(item, f"{path}: case {number}") for number, item in enumerate(found, 1)]


def kernel(folder: Path, name: str) -> Kernel:
    """The results `<name>.json`. Raises OSError, ValueError."""
    path = folder / f"{name.removesuffix('.json')}.json"
    if not path.is_file():
        there = sorted(p.stem for p in folder.glob("*.json") if p.name != CASES)
        raise ValueError(f"{path}: no such result; the folder has {', '.join(there) or 'none'}")
    data = _object(_read(path), f"{path}")
    meta = _object(data.get("meta", {}), f"{path}: meta")
    results = {}
    for number, item in enumerate(_list(data.get("results"), f"{path}: results"), 1):
        where = f"{path}: result {number}"
        result = _object(item, where)
        for step in _list(result.get("steps", []), f"{where}: steps"):
            _check_told(_object(step, f"{where}: a step"), f"{where}: a step")
        for about, found in _object(result.get("after", {}), f"{where}: after").items():
            _object(found, f"{where}: after: {about}")
        results[_text(result, "id", where)] = result
    lenient = re.findall(r"\(typepermissive\s+([\w.-]+)\s*\)", "".join(_policy(folder).values()))
    return Kernel(path.stem, bool(meta.get("permissive")), frozenset(lenient), results)


def policy(folder: Path, cache: Path) -> Policy:
    """The folder's policy, with what a cluster needs that a local filesystem does not.

    The filesystem's type gets the label that the policy gives ext4, and every domain may mount it: both are asked
    where the kernel asks nothing, so neither is compared. Raises OSError, sepol.PolicyError, sepol.Missing.
    """
    files = _policy(folder)
    return Policy.compile(files | {"cluster.cil": _supplement("".join(files.values()))}, "oracle", cache=cache)


def families(path: Path) -> dict[str, tuple[str, ...]]:
    """Lists of case ids, or patterns of them, by the family's name. Raises OSError, ValueError."""
    data = _object(_read(path), f"{path}")
    return {name: tuple(_ids(ids, f"{path}: family {name!r}")) for name, ids in data.items()}


def restricted(found: list[Case], wanted: Mapping[str, tuple[str, ...]]) -> list[Case]:
    """The cases of the families. LookupError where there is none."""
    patterns = [pattern for ids in wanted.values() for pattern in ids]
    chosen = [case for case in found if any(fnmatchcase(case.id, pattern) for pattern in patterns)]
    if not chosen:
        raise LookupError(f"none of the {len(found)} cases is in a family; the first is {found[0].id!r}")
    return chosen


def _policy(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in POLICY}


def _supplement(policy: str) -> str:
    ext4 = re.search(r"\(fsuse\s+xattr\s+ext4\s+(\([^()]*(?:\([^()]*\)[^()]*)*\)|[\w.-]+)\s*\)", policy)
    if ext4 is None:
        raise ValueError("the policy has no (fsuse xattr ext4 ...), whose label the cluster's filesystem would have")
    label = ext4.group(1)
    fs_type = label.strip("()").split()[2] if label.startswith("(") else _named_type(policy, label)
    own = "" if re.search(rf"\(fsuse\s+xattr\s+{FSTYPE}\s", policy) else f"(fsuse xattr {FSTYPE} {label})"
    everybody = "(typeattribute labelproof_mounts) (typeattributeset labelproof_mounts (all))"
    return f"{own} {everybody} (allow labelproof_mounts {fs_type} (filesystem (mount)))\n"


def _named_type(policy: str, label: str) -> str:
    found = re.search(rf"\(context\s+{re.escape(label)}\s+\(\s*\S+\s+\S+\s+(\S+)", policy)
    if found is None:
        raise ValueError(f"the policy has no (context {label} ...), which its rule for ext4 names")
    return found.group(1)


def _case(item: Any, where: str) -> Case:
    data = _object(item, where)
    name = _text(data, "id", where)
    where = f"{where} ({name})"
    subject = context(_text(data, "subject", where), "sysr")
    uid = data.get("uid", 1000)
    if not isinstance(uid, int) or isinstance(uid, bool) or uid < 0:
        raise ValueError(f"{where}: uid is {uid!r}; give a number, or leave it out for 1000")
    steps = tuple(_steps(data, "steps", "op", where))
    return Case(
        name, subject or "", uid, context(data.get("fscreate")), tuple(_steps(data, "setup", "p", where)), steps,
        tuple(_steps(data, "finally", "op", where)),
    )  # fmt: skip


def _steps(data: Mapping[str, Any], name: str, needed: str, where: str) -> list[Step]:
    where = f"{where}: {name}"
    found = [_object(item, where) for item in _list(data.get(name, []), where)]
    for step in found:
        _text(step, needed, where)
        (values.check_laid if name == "setup" else values.check)(step, where)
    return found


def _check_told(step: Mapping[str, Any], where: str) -> None:
    """A step of a result: its errno, and the records of the kernel's log."""
    values.check(step, where)
    for record in _list(step.get("checks", []), f"{where}: checks"):
        values.check_logged(_object(record, f"{where}: checks"), f"{where}: checks")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {_kind(value)}; an object belongs there")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is {_kind(value)}; a list belongs there")
    return value


def _text(data: Mapping[str, Any], name: str, where: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {name!r} is {_kind(value)}; a text belongs there")
    return value


def _ids(value: Any, where: str) -> list[str]:
    found = _list(value, where)
    if not all(isinstance(item, str) for item in found):
        raise ValueError(f"{where} holds something else than case ids")
    return found


def _kind(value: Any) -> str:
    return "missing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
