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
TESTS = (
    "te", "boolean", "constraint", "fscreate", "named", "relabel", "silent", "command", "transition", "bounds", "rbac",
    "permissive", "filesystem", "unlabeled", "owner", "labels",
)  # fmt: skip
# What `targeted` has no example of: defaults of every part, a bounding type that a constraint keeps out, and somebody
# who may not even mount.
MORE = """
(defaulttype lnk_file source) (defaultrange blk_file glblub) (defaultrange chr_file source low-high)
(allow stored_type user_t (filesystem (associate))) (allow user_t self (lnk_file (create getattr)))
(allow user_t lustre_fs_t (filesystem (associate)))
(constrain (file (write)) (or (neq t1 user_t) (neq t2 log_t)))
(allow user_t log_t (file (write))) (allow bounded_t log_t (file (write open)))
(allow user_t self (process (dyntransition)))
(type lonely_t) (roletype user_r lonely_t) (allow lonely_t self (process (fork)))
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Recorded in the simulator under the policy `targeted`, and a little more."""
    run = Run(tmp_path_factory.mktemp("run"))
    policy = Policy.compile(
        policies.source("targeted") | {"more.cil": MORE}, "targeted", cache=tmp_path_factory.mktemp("cache")
    )
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


def act_bounds(cluster, admin, folder):
    admin.mknod(f"{folder}/o", 0o100666)
    admin.setxattr(f"{folder}/o", LABEL, "user_u:object_r:log_t:s0")
    with contextlib.suppress(PermissionError):
        cluster.client().login("user_u:user_r:bounded_t:s0").open(f"{folder}/o", 1)


def act_rbac(cluster, admin, folder):
    with contextlib.suppress(PermissionError):
        cluster.client().login("user_u:staff_r:user_t:s0").setcon(LOW)


def act_permissive(cluster, admin, folder):
    admin.setxattr(folder, LABEL, "user_u:object_r:secret_t:s0")
    cluster.client().login("user_u:user_r:debug_t:s0").lstat(folder)


def act_filesystem(cluster, admin, folder):
    with contextlib.suppress(PermissionError):
        cluster.client().login("user_u:user_r:lonely_t:s0").lstat(folder)


def act_unlabeled(cluster, admin, folder):
    admin.mkdir(f"{folder}/d", 0o777)
    admin.setxattr(f"{folder}/d", LABEL, "user_u:object_r:nonesuch_t:s0")
    with contextlib.suppress(PermissionError):
        cluster.client().login(USER).readdir(f"{folder}/d")


def act_owner(cluster, admin, folder):
    with contextlib.suppress(PermissionError):
        cluster.client().login(USER, uid=1000).chmod(folder, 0o700)
    with contextlib.suppress(FileNotFoundError):
        admin.unlink(f"{folder}/nothing")


def act_labels(cluster, admin, folder):
    """Every rule that gives a part of a new object's label."""
    admin.setxattr(folder, LABEL, "staff_u:object_r:home_t:s0:c1")
    user = cluster.client().login(USER, uid=1000, caps=["mknod"])
    user.mknod(f"{folder}/fifo", 0o010644)
    user.mknod(f"{folder}/sock", 0o140644)
    user.mknod(f"{folder}/chr", 0o020644, 0x103)
    user.mknod(f"{folder}/blk", 0o060644, 0x103)
    user.symlink("nowhere", f"{folder}/lnk")
    for name in ("staff_dir_t", "marked_dir_t", "project_dir_t", "shared_t"):
        admin.mkdir(f"{folder}/{name}", 0o777)
        admin.setxattr(f"{folder}/{name}", LABEL, f"user_u:object_r:{name}:s0")
    for values in ({"user_write_shared": True, "shared_is_project": True}, dict.fromkeys(_SWITCHED, False)):
        cluster.set_booleans(values, by=admin)
        if values["shared_is_project"]:
            for name in ("staff_dir_t", "marked_dir_t", "project_dir_t", "shared_t"):
                user.mknod(f"{folder}/{name}/f", 0o100644)


_SWITCHED = ("user_write_shared", "shared_is_project")


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
