"""What the suites do in any policy before its own word is asked, and the allow rules that a profile lacks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from harness.model import labels
from harness.policytools.loaded import FILE_CLASSES, Loaded, Query
from harness.profile import Profile

KEEP = "search write add_name remove_name read open getattr"
LAY_OUT = f"{KEEP} create relabelfrom relabelto"
MANAGE = "load_policy setenforce setbool"
_ADMINISTERS = {"file": " append link open read rename unlink write relabelfrom relabelto", "lnk_file": " read"}
# What a metadata server asks of an OST in its own name, besides in that of whom it acts for.
_SERVES = "getattr open setattr write relabelfrom relabelto unlink"


def granted(profile: Profile, policy: Loaded) -> Profile:
    """The profile with the rules that it lacks, one a source, target and class.

    What a constraint takes away, no rule can give: it stands among the grants all the same, and in every denial.
    """
    rules: dict[tuple[str, str, str], frozenset[str]] = {}
    asked = list(_needs(profile, policy))
    for query, lack in zip(asked, policy.missing(asked), strict=True):
        if lack:
            key = (query.source.split(":")[2], query.target.split(":")[2], query.tclass)
            rules[key] = rules.get(key, frozenset()) | lack
    return replace(profile, grants=tuple(_allow(*key, rules[key]) for key in sorted(rules)))


def has_filesystem(policy: Loaded) -> bool:
    """Whether the policy labels our filesystem. One that does not had no reason to say what may live there."""
    return "lustre" in policy.model.facts.fs_use


def _allow(source: str, target: str, tclass: str, perms: frozenset[str]) -> str:
    return f"(allow {source} {'self' if source == target else target} ({tclass} ({' '.join(sorted(perms))})))"


def _needs(profile: Profile, policy: Loaded) -> Iterator[Query]:
    fs, security = policy.model.fs_label("lustre") or "", policy.tables.initial_sids["security"]
    for subject in dict.fromkeys((profile.admin, profile.user, *profile.subjects)):
        yield Query.of(subject, fs, "filesystem", "mount")
        yield Query.of(subject, profile.root, "dir", "search")
    admin = profile.admin
    yield Query.of(admin, security, "security", MANAGE)
    yield Query.of(admin, admin, "process", "setfscreate")
    yield Query.of(admin, profile.root, "dir", KEEP)
    made = labels.of_new_object(policy.model, admin, profile.root, "dir", "d")
    own = [made.label] if made else []
    for label in (*own, *profile.directories.values()):
        yield Query.of(admin, label, "dir", LAY_OUT)
        yield Query.of(label, fs, "filesystem", "associate")
    yield from _looks(profile, policy, fs)


def _looks(profile: Profile, policy: Loaded, fs: str) -> Iterator[Query]:
    """The administrator makes and looks at everything, and relabels files; the servers keep their bytes."""
    kinds = {(profile.relabel, "file")} | {(label, tclass) for label in profile.fscreate for tclass in FILE_CLASSES}
    for place, label in profile.directories.items():
        makers = (profile.user, profile.admin, *(profile.subjects if place == "transition" else ()))
        for subject, tclass, name in product(dict.fromkeys(makers), FILE_CLASSES, profile.names):
            made = labels.of_new_object(policy.model, subject, label, tclass, name)
            if made is not None:
                kinds.add((made.label, tclass))
    servers = str(policy.tables.initial_sids["kernel"])
    for label, tclass in sorted(kinds):
        yield Query.of(profile.admin, label, tclass, f"create getattr{_ADMINISTERS.get(tclass, '')}")
        if tclass == "file":
            yield Query.of(servers, label, tclass, _SERVES)
        if not has_filesystem(policy):
            yield Query.of(label, fs, "filesystem", "associate")
