"""A recorded run with a denial of every kind that the project's own policy knows, and labels of every origin."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import choices, policies
from harness.clusters import RUNTIMES, Cluster, evidence
from harness.policy import Policy
from harness.store import Run
from harness.why import story
from harness.why.story import Story

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
USER = "user_u:user_r:user_t:s0-s0:c0.c15"
LOW = "user_u:user_r:user_t:s0"
LABEL = "security.selinux"
TESTS = ("te", "boolean", "constraint", "fscreate", "named", "relabel", "silent", "command", "transition")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Recorded in the simulator under the policy `targeted`."""
    run = Run(tmp_path_factory.mktemp("run"))
    policy = Policy.compile(policies.source("targeted"), "targeted", cache=tmp_path_factory.mktemp("cache"))
    cluster = RUNTIMES["sim"]().start(choices.spec(policy, "enforcing", 3), run.path)
    try:
        act(cluster)
    finally:
        cluster.stop()
    evidence.merge_audit(run.path)
    return run


def act(cluster: Cluster) -> None:
    """One test a denial or label."""
    admin = cluster.client().login(ADMIN, uid=0, caps="all", umask=0)
    for name in TESTS:
        admin.mkdir(f"/{name}", 0o777)
        admin.setxattr(f"/{name}", LABEL, "user_u:object_r:home_t:s0")
        cluster.test = f"test_{name}"
        globals()[f"act_{name}"](cluster, admin, f"/{name}")
    cluster.collect()


def act_te(cluster, admin, folder):
    user = cluster.client().login(USER)
    user.setfscreate("user_u:object_r:secret_t:s0")
    with contextlib.suppress(PermissionError):
        user.mknod(f"{folder}/n", 0o100644)


def act_boolean(cluster, admin, folder):
    admin.mknod(f"{folder}/o", 0o100666)
    admin.setxattr(f"{folder}/o", LABEL, "user_u:object_r:shared_t:s0")
    with contextlib.suppress(PermissionError):
        cluster.client().login(USER).open(f"{folder}/o", 1)


def act_constraint(cluster, admin, folder):
    admin.mknod(f"{folder}/o", 0o100666)
    admin.setxattr(f"{folder}/o", LABEL, "user_u:object_r:home_t:s0:c3")
    with contextlib.suppress(PermissionError):
        cluster.client().login(LOW).open(f"{folder}/o", 0)


def act_silent(cluster, admin, folder):
    admin.mknod(f"{folder}/o", 0o100666)
    admin.setxattr(f"{folder}/o", LABEL, "user_u:object_r:hush_t:s0")
    with contextlib.suppress(PermissionError):
        cluster.client().login(USER).open(f"{folder}/o", 0)


def act_command(cluster, admin, folder):
    user = cluster.client().login(USER)
    with contextlib.suppress(PermissionError):
        user.ioctl(user.open(f"{folder}/o", 0o102, 0o600), 0x15413)


def act_transition(cluster, admin, folder):
    admin.setxattr(folder, LABEL, "user_u:object_r:project_dir_t:s0")
    user = cluster.client().login(USER)
    user.mknod(f"{folder}/special.txt", 0o100644)
    with contextlib.suppress(PermissionError):
        user.setxattr(f"{folder}/special.txt", LABEL, "user_u:object_r:project_t:s0")


def act_fscreate(cluster, admin, folder):
    user = cluster.client().login(USER)
    user.setfscreate("user_u:object_r:project_t:s0")
    user.mknod(f"{folder}/f", 0o100644)


def act_named(cluster, admin, folder):
    admin.setxattr(folder, LABEL, "user_u:object_r:project_dir_t:s0")
    cluster.client().login(USER).mknod(f"{folder}/special.txt", 0o100644)


def act_relabel(cluster, admin, folder):
    user = cluster.client().login(USER)
    user.mknod(f"{folder}/r", 0o100644)
    admin.setxattr(f"{folder}/r", LABEL, "user_u:object_r:project_t:s0")


@pytest.fixture(scope="session")
def stories(run: Run) -> list[Story]:
    return story.stories(run)


@pytest.fixture(scope="session")
def denied(stories: list[Story]) -> Callable[[str], dict]:
    """The one denial of a test, as its event."""

    def one(name: str) -> dict:
        (found,) = [avc for avc in stories[0].avcs if avc["denied"] and (stories[0].op(avc) or {}).get("test") == name]
        return found

    return one


@pytest.fixture(scope="session")
def folder(run: Run) -> Path:
    return run.path
