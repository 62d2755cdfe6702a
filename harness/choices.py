"""From what a user types to what a cluster is started with."""

from __future__ import annotations

from pathlib import Path

from harness import policies, profile
from harness.policy import Policy
from harness.spec import MODES, ClusterSpec


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


def spec(policy: Policy | None, mode: str, seed: int) -> ClusterSpec:
    """The default cluster under that policy; the root directory is labelled as the policy's own profile says.

    Raises ValueError naming the field and the remedy.
    """
    if mode not in MODES:
        raise ValueError(f"lsm is {mode!r}; give one of {', '.join(MODES)}")
    known = policy is not None and policy.name in profile.PROFILES
    root = profile.of(policy.name).root if policy and known else None
    wanted = ClusterSpec(policy=policy, mode=mode, seed=seed, root_context=root)
    wanted.validate()
    return wanted
