"""A test's own directory, on a cluster that others have used before."""

from __future__ import annotations

from harness.clusters import Cluster
from harness.profile import Profile

MODE = 0o777


def fresh(cluster: Cluster, profile: Profile, place: str = "inherit") -> str:
    """The path of a new directory at the top, open to all as far as DAC goes, with the label of one of the profile's.

    OSError where the policy does not let the profile's administrator make it.
    """
    labelled = cluster.policy is not None
    admin = cluster.client().login(
        profile.admin if labelled else None, uid=0, gid=0, caps="all", umask=0,
        fscreate=profile.directories[place] if labelled else None,
    )  # fmt: skip
    # Ids of tasks are never given twice. A cluster that runs longer than this session may have the name already.
    path = f"/test{admin.id.removeprefix('t')}"
    try:
        admin.mkdir(path, MODE)
    except FileExistsError:
        path += f"{cluster.machine.clock.wall_ns()}"
        admin.mkdir(path, MODE)
    return path
