"""One cluster inside this process for all planted bugs, and one judge that hears everything that happens there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from harness import profile
from harness.checkers import Finding, Judge, Verdict
from harness.clusters import RUNTIMES, Cluster, evidence
from harness.model.policy import Stored
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.tasks import Task

LABEL = "security.selinux"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a workload acts on: a cluster, an administrator, a user, and a directory where that may do as he likes."""

    cluster: Cluster
    people: Profile
    admin: Task
    user: Task
    home: str


Workload = Callable[[Scene], None]


class Bench:
    """Runs workloads, each in a directory of its own, and tells what the judge found since the last time."""

    def __init__(self, cluster: Cluster, people: Profile, judge: Judge) -> None:
        self.cluster = cluster
        self.people = people
        self.judge = judge
        self._admin = cluster.client().login(people.admin, uid=0, gid=0, caps="all", comm="admin")
        self._user = cluster.client().login(people.user)
        self._mark: dict[str, int] = {}
        self._count = count()

    def scene(self) -> Scene:
        home = f"/home{next(self._count)}"
        self._admin.mkdir(home)
        self._admin.setxattr(home, LABEL, self.people.directories["transition"].encode())
        self._admin.chmod(home, 0o777)
        return Scene(self.cluster, self.people, self._admin, self._user, home)

    def findings(self) -> list[Finding]:
        """What the judge found since the last time."""
        mark, self._mark = self._mark, self.cluster.mark()
        self.judge.feed(self.cluster.events(mark))
        return self.judge.drain()

    def verdicts(self) -> list[Verdict]:
        """The verdicts on everything so far, the stored labels and the audit log with it; only once."""
        self.cluster.collect()
        self.findings()
        evidence.merge_audit(self.cluster.run_dir)
        lines = (self.cluster.run_dir / "audit.log").read_text().splitlines()
        self.judge.feed_audit(lines)
        return self.judge.verdicts()


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ClusterSpec:
    """The default cluster under our own policy `targeted`."""
    policy = Policy.own("targeted", cache=tmp_path_factory.mktemp("cache"))
    return ClusterSpec(policy=policy, root_context=profile.of("targeted").root)


@pytest.fixture
def start(spec: ClusterSpec, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Starts a cluster on a runtime: `start("inprocess")`."""
    stops: list[Callable[[], None]] = []

    def start(runtime: str) -> Bench:
        cluster = RUNTIMES[runtime]().start(spec, tmp_path / runtime)
        stops.append(cluster.stop)
        policies = Stored(cluster.run_dir)
        stops.append(policies.close)
        return Bench(cluster, profile.of("targeted"), Judge(policies))

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="session")
def bench(spec: ClusterSpec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The cluster that the planted bugs share: each is taken out again."""
    cluster = RUNTIMES["inprocess"]().start(spec, tmp_path_factory.mktemp("run"))
    policies = Stored(cluster.run_dir)
    yield Bench(cluster, profile.of("targeted"), Judge(policies))
    cluster.stop()
    policies.close()
