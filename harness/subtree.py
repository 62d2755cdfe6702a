"""A test's own directory, on a cluster that others have used before."""

from __future__ import annotations

from harness.clusters import Cluster
from harness.profile import Profile
from harness.tasks import Task

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
    # Ids of tasks are never given twice.
    return first_free(admin, f"test{admin.id.removeprefix('t')}")


def first_free(task: Task, name: str) -> str:
    """The path of a new directory at the top: `name`, or if that is there `name-2`, `name-3` ...; OSError of mkdir."""
    number = 1
    while True:
        path = f"/{name}" if number == 1 else f"/{name}-{number}"
        try:
            task.mkdir(path, MODE)
        except FileExistsError:
            number += 1
        else:
            return path
