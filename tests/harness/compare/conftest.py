"""Small runs, recorded in the simulator or by processes: one test, two logins, a file made, one refused."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import choices, policies
from harness.clusters import RUNTIMES, Cluster
from harness.policy import Policy
from harness.store import Run

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
USER = "user_u:user_r:user_t:s0-s0:c0.c15"
HOME, SECRET = "user_u:object_r:home_t:s0", "user_u:object_r:secret_t:s0"
Record = Callable[..., Run]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Record:
    """Makes a run: `rules` are CIL added to the policy, `first` a number of other folders made before.

    `work` is done instead of what every run does.
    """

    def made(
        runtime: str = "sim", *, seed: int = 1, rules: str = "", first: int = 0, extra: bool = False,
        work: Callable[[Cluster], None] | None = None,
    ) -> Run:  # fmt: skip
        texts = dict(policies.source("targeted")) | ({"more.cil": rules} if rules else {})
        policy = Policy.compile(texts, "targeted", cache=cache)
        run = Run(tmp_path_factory.mktemp("run"))
        cluster = RUNTIMES[runtime]().start(choices.spec(policy, "enforcing", seed), run.path)
        try:
            work(cluster) if work else act(cluster, first, extra=extra)
        finally:
            cluster.stop()
        return run

    return made


def act(cluster: Cluster, first: int, *, extra: bool) -> None:
    """What every run does."""
    admin = cluster.client().login(ADMIN, uid=0, caps="all", umask=0)
    cluster.test = "test_before"
    for number in range(first):
        admin.mkdir(f"/labels{number + 1}")
    cluster.test = "test_labels"
    folder = f"/labels{first + 1}"
    admin.mkdir(folder, 0o777)
    admin.setxattr(folder, "security.selinux", HOME)
    user = cluster.client().login(USER)
    user.close(user.open(f"{folder}/f", 0o101, 0o644))
    user.setfscreate(SECRET)
    with contextlib.suppress(PermissionError):
        user.mknod(f"{folder}/secret", 0o100644)
    if extra:
        user.stat(f"{folder}/f")
    cluster.collect()


@pytest.fixture(scope="session")
def plain(record: Record) -> Run:
    """The run that the others are compared with."""
    return record()
