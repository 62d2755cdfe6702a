"""mediation: for every operation and every permission that it needs, a subject that lacks exactly that one.

One derived policy holds all the subjects (derive.py). Each denial has to name exactly the missing permission, the hook
and the server; the operation has to change nothing; and the same operation by the control subject, which has that one
permission besides, has to succeed. The client's LSM is off, so that whatever is denied is denied by a server.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness import profile
from harness.suites import derive
from harness.suites.scenarios import FORMAT, Place, Scenario, scenarios
from harness.tasks import Task

SCENARIOS = {scenario.name: scenario for scenario in scenarios()}
Manage = Callable[[Any, Task], object]
# right of class security -> (hook, what is asked of the cluster)
POLICY_RIGHTS: dict[str, tuple[str, Manage]] = {
    "load_policy": ("policy_load", lambda cluster, who: cluster.load_policy(cluster.policy, by=who)),
    "setenforce": ("policy_setenforce", lambda cluster, who: cluster.set_enforce(True, by=who)),
    "setbool": ("policy_setbool", lambda cluster, who: cluster.set_booleans({}, by=who)),
}
CAPS = "all"


@dataclass(slots=True)
class World:
    """The cluster under the derived policy, and the administrator's tasks that lay things out, by label and owner."""

    cluster: Any
    profile: profile.Profile
    derived: derive.Derived
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)
    subjects: dict[tuple[str, bool], Task] = field(default_factory=dict)
    places: int = 0

    def layer(self, role: str, uid: int = 0) -> Task:
        """The administrator as `uid`, labelling what it makes as the type of `role`."""
        key = (role, uid)
        if key not in self.tasks:
            login = self.cluster.client().login
            label = self.derived.labels.get(role)
            self.tasks[key] = login(self.profile.admin, uid=uid, gid=uid, caps=CAPS, fscreate=label, umask=0)
        return self.tasks[key]

    def subject(self, context: str, scenario: Scenario) -> Task:
        """A task of the context, with the capabilities that the scenario needs and no others."""
        key = (context, bool(scenario.caps))
        if key not in self.subjects:
            caps = CAPS if scenario.caps or "mknod" in scenario.name else 0
            self.subjects[key] = self.cluster.client().login(context, caps=caps, comm=scenario.name[:15])
        return self.subjects[key]

    def lay(self, scenario: Scenario, homeless: bool) -> Place:
        """A fresh place for the scenario, its objects labelled and owned as it says."""
        self.places += 1
        base = f"/mediation/{self.places}"
        place = Place(f"{base}p", f"{base}n", self.derived.labels["homeless" if homeless else "new"])
        self.layer("parent").mkdir(place.parent, 0o777)
        if "object" in scenario.lays:
            self._object(place.object, scenario, "object")
        if "newparent" in scenario.lays:
            self.layer("newparent").mkdir(place.newparent, 0o777)
        if "target" in scenario.lays:
            self._object(f"{place.newparent}/t", scenario, "target")
        return place

    def _object(self, path: str, scenario: Scenario, role: str) -> None:
        task = self.layer(role, 1000 if scenario.owner else 0)
        tclass = scenario.tclass if scenario.tclass in FORMAT else "file"
        if tclass == "dir":
            task.mkdir(path, 0o755)
        elif tclass == "lnk_file":
            task.symlink("nowhere", path)
        else:
            task.mknod(path, FORMAT[tclass] | 0o644, 0x103 if tclass in ("chr_file", "blk_file") else 0)
        if "xattr" in scenario.name:
            kept = "user.kept" if scenario.case == "user" else "trusted.kept"
            task.setxattr(path, kept, b"kept", 0, False)

    def picture(self, place: Place, scenario: Scenario) -> list[object]:
        """All that the scenario could change, as the administrator sees it."""
        admin = self.layer("parent")
        seen: list[object] = [admin.readdir(place.parent)]
        if "object" in scenario.lays:
            seen += [admin.lstat(place.object), admin.listxattr(place.object, False)]
        if "newparent" in scenario.lays:
            seen.append(admin.readdir(place.newparent))
        return seen


@pytest.fixture(scope="module")
def world(labelproof_cluster: Any) -> Iterator[World]:
    """The cluster with the derived policy loaded over the given one, which comes back at the end."""
    cluster = labelproof_cluster
    given, who = cluster.policy, profile.of(cluster.policy.name)
    derived = derive.derive(given, who, list(SCENARIOS.values()))
    admin = cluster.client().login(who.admin, uid=0, gid=0, caps=CAPS)
    cluster.load_policy(derived.policy, by=admin)
    made = World(cluster, who, derived)
    made.layer("base").mkdir("/mediation", 0o777)
    yield made
    cluster.load_policy(given, by=admin)


@pytest.mark.parametrize("name", SCENARIOS)
def test_operation(world: World, name: str) -> None:
    """Lacking any one permission the operation is refused, by the hook that asks it; with it, it is done."""
    scenario = SCENARIOS[name]
    denials = world.derived.denials[name]
    mark = world.cluster.mark()

    refused = {_denied(world, scenario, denial): denial for denial in denials}

    events = world.cluster.events(mark)
    for op, denial in refused.items():
        assert _refusals(events, op) == [_expected(denial)], f"{name} without {denial.name}"


@pytest.mark.parametrize("right", POLICY_RIGHTS)
def test_policy_management(world: World, right: str) -> None:
    """Loading a policy, switching enforcing and setting booleans are asked of the subject, on the node."""
    hook, manage = POLICY_RIGHTS[right]
    user = world.cluster.client().login(world.profile.user)
    mark = world.cluster.mark()

    with pytest.raises(PermissionError):
        manage(world.cluster, user)

    denied = [e for e in world.cluster.events(mark) if e["e"] == "avc" and not e["allowed"]]
    assert [(e["hook"], e["tclass"], e["denied"]) for e in denied] == [(hook, "security", [right])]
    manage(world.cluster, world.layer("parent"))


def _denied(world: World, scenario: Scenario, denial: derive.Denial) -> str:
    """Runs one denial and its control; the id of the denied operation."""
    place = world.lay(scenario, denial.homeless)
    subject, control = world.subject(denial.subject, scenario), world.subject(denial.control, scenario)
    _open(world, scenario, place, subject)
    before = world.picture(place, scenario)

    with pytest.raises(OSError) as refused:
        scenario.act(subject, place)

    op = subject.last
    assert refused.value.errno == _errno(denial), f"{scenario.name} without {denial.name}: {refused.value}"
    changed = _changes(before, world.picture(place, scenario), denial)
    assert not changed, f"{scenario.name} without {denial.name}: {changed}"
    _control(world, scenario, denial, control, place)
    check = denial.check
    world.cluster.record(
        "control", denial=op, control=control.last, hook=check.hook, tclass=check.tclass,
        permission=denial.permission, changed=changed,
    )  # fmt: skip
    return op


def _control(world: World, scenario: Scenario, denial: derive.Denial, control: Task, place: Place) -> None:
    """The same operation with exactly that permission added."""
    if denial.homeless or _leaves(denial):
        place = world.lay(scenario, homeless=False)
    _open(world, scenario, place, control)
    scenario.act(control, place)


def _open(world: World, scenario: Scenario, place: Place, task: Task) -> None:
    """The open descriptor of a scenario that has one; by then the file has another label."""
    if scenario.opens is None:
        return
    label = world.derived.labels
    admin = world.layer("object", 1000)
    admin.setxattr(place.object, "security.selinux", label["object"].encode())
    place.fd = task.open(place.object, scenario.opens)
    admin.setxattr(place.object, "security.selinux", label["moved"].encode())


def _leaves(denial: derive.Denial) -> bool:
    """An open that is denied after its create succeeded leaves the file behind, as the kernel does."""
    return denial.check.hook == "file_open" and denial.scenario.case == "new"


def _changes(before: list[object], after: list[object], denial: derive.Denial) -> list[str]:
    if _leaves(denial):
        return []
    return [f"{a} became {b}" for a, b in zip(before, after, strict=True) if a != b]


def _errno(denial: derive.Denial) -> int:
    """capable() answers EPERM; where DAC asked it, DAC's own EACCES is what comes out."""
    by_dac = denial.permission in ("dac_override", "dac_read_search")
    return errno.EPERM if denial.check.tclass == "capability" and not by_dac else errno.EACCES


def _expected(denial: derive.Denial) -> tuple[str, str, tuple[str, ...], str]:
    vantage = "agent" if denial.check.hook == "setprocattr" else "server"
    return denial.check.hook, denial.check.tclass, (denial.permission,), vantage


def _refusals(events: list[dict[str, Any]], op: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    """What the policy refused in the course of an operation."""
    return [
        (e["hook"], e["tclass"], tuple(e["denied"]), e["vantage"])
        for e in events
        if e["e"] == "avc" and e["op"] == op and e["module"] == "selinux" and not e["allowed"]
    ]
