"""From what a user types to what a cluster is started with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import policies
from harness import profile as profiles
from harness.clusters import compose
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import MODES, ROLES, ClusterSpec

NODES = "LABELPROOF_NODES"
# What a user types to get here, where that is not `labelproof run`: the nodes are found by it then.
TYPED = "LABELPROOF_TYPED"


def policy(name: str, cache: Path) -> Policy:
    """One of our own by its name, or a policy file.

    Raises ValueError for neither, sepol.PolicyError for a damaged one, OSError for one that cannot be read,
    sepol.Missing.
    """
    if name in policies.NAMES:
        return Policy.own(name, cache=cache)
    if not Path(name).is_file():
        raise ValueError(f"no policy {name!r}: give {', '.join(policies.NAMES)}, or the path of a policy file")
    return Policy.from_file(Path(name), cache=cache)


def profile(name: str | None, policy: str) -> Profile | None:
    """The profile in a file, else the one that our own policy of that name has, else None.

    Raises OSError for a file that cannot be read, ValueError naming the file, the field and the remedy.
    """
    if name:
        return profiles.load(Path(name))
    return profiles.PROFILES.get(policy)


def booted(policy_name: str, profile_name: str | None, cache: Path) -> tuple[Policy, Profile | None]:
    """The policy that a cluster boots with, and who is who in it: the policy as typed, with the profile's grants.

    Raises what `policy` and `profile` raise, and ValueError for a profile of another policy.
    """
    given, who = policy(policy_name, cache), profile(profile_name, policy_name)
    if who is None or not who.source:
        return given, who
    who.check(given)
    return who.supplement(given, cache), who


def counts(text: str = "") -> dict[str, int]:
    """How many nodes of each role: the defaults, but for those in `text` ("oss=3,client=4").

    ValueError names what does not read.
    """
    found = {role: getattr(ClusterSpec(), role) for role in ROLES}
    for part in filter(None, text.split(",")):
        role, _, count = (word.strip() for word in part.partition("="))
        if role not in found or not count.isdecimal():
            raise ValueError(f"nodes: {part!r} is no count; give as many as are wanted, as in oss=3,client=4")
        found[role] = int(count)
    return found


def spec(
    policy: Policy | None, mode: str, seed: int, profile: Profile | None = None, fields: Mapping[str, Any] | None = None
) -> ClusterSpec:
    """The default cluster under that policy; the root directory is labelled as the profile says.

    LABELPROOF_NODES says how many nodes it has; `fields` of ClusterSpec come before all that.

    Raises ValueError naming the field and the remedy.
    """
    if mode not in MODES:
        raise ValueError(f"lsm is {mode!r}; give one of {', '.join(MODES)}")
    if policy is not None and profile is None:
        profile = profiles.PROFILES.get(policy.name)
    root = profile.root if policy and profile else None
    n = counts(os.environ.get(NODES, ""))
    usual = ClusterSpec(n["mds"], n["oss"], n["client"], policy=policy, mode=mode, seed=seed, root_context=root)
    wanted = replace(usual, **(fields or {}))
    wanted.validate()
    return wanted


def exported(runtime: str) -> dict[str, str]:
    """What the environment says of a cluster on that runtime: the variables that are set, by option."""
    variables = {"nodes": NODES}
    if runtime == compose.Compose.name and TYPED not in os.environ:
        variables |= {"cluster": compose.CLUSTER, "secrets": compose.SECRETS}
    return {option: os.environ[name] for option, name in variables.items() if os.environ.get(name)}
