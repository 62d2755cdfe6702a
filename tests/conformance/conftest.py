"""One cluster a runtime for the whole text: each test works in a directory of its own."""

import zlib
from collections.abc import Iterator

import pytest

from harness import profile
from harness.clusters import RUNTIMES, Cluster
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.tasks import Task

LABEL = "security.selinux"


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Our own policy `targeted`."""
    return Policy.own("targeted", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def people() -> Profile:
    """Who is who in that policy."""
    return profile.of("targeted")


@pytest.fixture(scope="session", params=list(RUNTIMES))
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime by name, if this machine can run it."""
    name: str = request.param
    if reason := RUNTIMES[name]().available():
        pytest.skip(reason)
    return name


@pytest.fixture(scope="session")
def cluster(
    runtime: str, policy: Policy, people: Profile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """The default cluster on each runtime."""
    spec = ClusterSpec(policy=policy, root_context=people.root)
    running = RUNTIMES[runtime]().start(spec, tmp_path_factory.mktemp("run"))
    yield running
    running.stop()


@pytest.fixture
def admin(cluster: Cluster, people: Profile) -> Task:
    """May relabel and manage the policy, on client0."""
    return cluster.client().login(people.admin, uid=0, gid=0, caps="all", comm="admin")


@pytest.fixture
def user(cluster: Cluster, people: Profile) -> Task:
    """An ordinary user on client0."""
    return cluster.client().login(people.user)


@pytest.fixture
def other(cluster: Cluster, people: Profile) -> Task:
    """The same user on the other client."""
    return cluster.client("client1").login(people.user)


@pytest.fixture
def home(request: pytest.FixtureRequest, admin: Task) -> str:
    """A directory of the test's own, in which the user may do as he likes."""
    path = f"/{zlib.crc32(request.node.nodeid.encode()):08x}"
    admin.mkdir(path)
    admin.setxattr(path, LABEL, b"user_u:object_r:project_dir_t:s0")
    admin.chmod(path, 0o777)
    return path
