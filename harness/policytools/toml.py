"""A profile as TOML, with comments that say what each part is for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from harness.policy import Policy
from harness.profile import Profile

_ABOUT = {
    "admin": "Relabels files, lays out directories, loads policies and sets booleans.",
    "user": "Creates things. What becomes of them, and what is refused, the policy says.",
    "root": "The label of the filesystem's root directory: all that log in may search it.",
    "relabel": "What the administrator makes of one of the user's files.",
    "names": "Names of new objects. The policy may have rules for some.",
    "subjects": "Who else creates, in the directory `transition`; allowed or not.",
    "fscreate": "Labels that the user asks for (setfscreatecon); allowed or not.",
    "invalid": "Texts that are not contexts of the policy, and have to be refused as such.",
    "grants": "Allow rules that the policy is given before anything runs. Without filesystem { mount } on\n"
    "# the filesystem's label nobody begins at its root: the metadata server asks it of everybody (sb_kern_mount).",
    "directories": "Labels of parents. `inherit`: the user's files take its type. `transition`: they get another.\n"
    "# `denied`: the user may not create there. Others as you like: each is one more place for every test.",
}


def text(profile: Profile, policy: Policy) -> str:
    """The whole file."""
    kernel = "The servers act as the initial SID kernel, which is the policy's own to name."
    lines = [f"# Who is who in policy {policy.name}, SHA-256 {policy.digest}.", f"# {kernel}", ""]
    for name in ("admin", "user", "root", "relabel"):
        lines += [f"# {_ABOUT[name]}", f"{name} = {json.dumps(getattr(profile, name))}", ""]
    for name in ("names", "subjects", "fscreate", "invalid", "grants"):
        lines += [f"# {_ABOUT[name]}", *_list(name, getattr(profile, name)), ""]
    lines += [f"# {_ABOUT['directories']}", "[directories]"]
    lines += [f"{json.dumps(place)} = {json.dumps(label)}" for place, label in profile.directories.items()]
    return "\n".join((*lines, ""))


def _list(name: str, values: Iterable[str]) -> Iterator[str]:
    """One value a line. A JSON text is a TOML basic string."""
    yield f"{name} = ["
    for value in values:
        yield f"    {json.dumps(value, ensure_ascii=False)},"
    yield "]"
