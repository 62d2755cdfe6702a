"""mediation: for every operation and every permission that it needs, a subject that lacks exactly that one.

One derived policy holds all the subjects (derive.py). Each denial has to name exactly the missing permission, the hook
and the server; all denials together have to change nothing; and then the same operation by the control subject, which
has that one permission besides, has to succeed in the same place. The client's LSM is off, so that whatever is denied
is denied by a server.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harness import profile
from harness.suites import derive, sites
from harness.suites.scenarios import DEVICES, FORMAT, LABEL, Place, Scenario, scenarios
from harness.tasks import Task

SCENARIOS = {scenario.name: scenario for scenario in scenarios()}
Manage = Callable[[Any, Task], object]
# right of class security -> (hook, what is asked of the cluster)
POLICY_RIGHTS: dict[str, tuple[str, Manage]] = {
    "load_policy": ("policy_load", lambda cluster, who: cluster.load_policy(cluster.policy, by=who)),
    "setenforce": ("policy_setenforce", lambda cluster, who: cluster.set_enforce(True, by=who)),
    "setbool": ("policy_setbool", lambda cluster, who: cluster.set_booleans({}, by=who)),
}
CAPS, USER = "all", 1000


@dataclass(slots=True)
class World:
    """The cluster under the derived policy, and the administrator's tasks that lay things out, by label and owner."""

    cluster: Any
    profile: profile.Profile
    derived: derive.Derived
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)
    places: int = 0

    def settle(self) -> World:
        """Logs the administrator in, for all tests; itself."""
        login = self.cluster.client().login
        for role in ("parent", "newparent", "object", "target"):
            for uid in (0, USER):
                label = self.derived.labels[role]
                task = login(self.profile.admin, uid=uid, gid=uid, caps=CAPS, fscreate=label, umask=0)
                self.tasks[role, uid] = task
        return self

    def layer(self, role: str, uid: int = 0) -> Task:
        """The administrator as `uid`, labelling what it makes as the type of `role`."""
        return self.tasks[role, uid]

    def subject(self, context: str, scenario: Scenario) -> Task:
        """A task of the context, with the capabilities that the scenario needs and no others."""
        login, comm = self.cluster.client().login, scenario.name[:15]
        task: Task = login(context, uid=USER, gid=USER, caps=scenario.capabilities, comm=comm)
        return task

    def lay(self, scenario: Scenario) -> Place:
        """A fresh place for the scenario, its objects labelled and owned as it says."""
        self.places += 1
        root, label = f"/mediation{self.places}", self.derived.labels[scenario.becomes]
        place = Place(root, f"{root}n", label, self.derived.context)
        self.layer("parent").mkdir(place.parent, 0o777)
        if "object" in scenario.lays:
            self._object(place.object, scenario, "object")
        if "newparent" in scenario.lays:
            self.layer("newparent").mkdir(place.newparent, 0o777)
        if "target" in scenario.lays:
            self._object(f"{place.newparent}/t", scenario, "target")
        return place

    def opened(self, scenario: Scenario, place: Place, tasks: list[Task]) -> dict[str, Any]:
        """The scenario's open file, a task each; by the time that all have it, it has another label."""
        if scenario.opens is None:
            return {}
        fds = {task.id: task.open(place.object, scenario.opens) for task in tasks}
        self.layer("object", USER).setxattr(place.object, LABEL, self.derived.labels["moved"].encode())
        return fds

    def _object(self, path: str, scenario: Scenario, role: str) -> None:
        task = self.layer(role, USER if scenario.owner else 0)
        tclass = scenario.tclass if scenario.tclass in FORMAT else "file"
        if tclass == "dir":
            task.mkdir(path, scenario.mode)
        elif tclass == "lnk_file":
            task.symlink("nowhere", path)
        else:
            task.mknod(path, FORMAT[tclass] | scenario.mode, 0x103 if tclass in DEVICES else 0)
        if scenario.kept:
            task.setxattr(path, *scenario.kept, 0, False)
        if scenario.data:
            task.write(task.open(path, os.O_WRONLY), scenario.data)

    def picture(self, place: Place, scenario: Scenario) -> dict[str, Any]:
        """All that the scenario could change: times, sizes, owners, labels of the objects and directories involved."""
        paths = [place.parent]
        paths += [place.object] if "object" in scenario.lays else []
        paths += [place.newparent] if "newparent" in scenario.lays else []
        paths += [f"{place.newparent}/t"] if "target" in scenario.lays else []
        return sites.looked_at(self.layer("parent"), paths)


@pytest.fixture(scope="module")
def world(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[World]:
    """The cluster with the derived policy loaded over the given one, which comes back at the end."""
    cluster = labelproof_cluster
    given, who = cluster.policy, labelproof_profile
    derived = derive.derive(given, who, list(SCENARIOS.values()))
    admin = cluster.client().login(who.admin, uid=0, gid=0, caps=CAPS)
    cluster.load_policy(derived.policy, by=admin)
    yield World(cluster, who, derived).settle()
    cluster.load_policy(given, by=admin)


@pytest.mark.parametrize("name", SCENARIOS)
def test_operation(world: World, name: str) -> None:
    """Lacking any one permission the operation is refused, by the hook that asks it; with it, it is done."""
    scenario = SCENARIOS[name]
    denials = world.derived.denials[name]
    place = world.lay(scenario)
    subjects = [world.subject(denial.subject, scenario) for denial in denials]
    control = world.subject(denials[0].control, scenario)
    fds = world.opened(scenario, place, [*subjects, control])
    before, mark = world.picture(place, scenario), world.cluster.mark()

    refused = [
        _refused(world, denial, subject, replace(place, fd=fds.get(subject.id)))
        for denial, subject in zip(denials, subjects, strict=True)
    ]

    assert world.picture(place, scenario) == before, f"{name}: a denied operation changed something"
    _passes(scenario, control, replace(place, fd=fds.get(control.id)))
    events = world.cluster.events(mark)
    assert _refusals(events, control.last) == [], f"{name} with all that it needs"
    for op, denial in zip(refused, denials, strict=True):
        assert _refusals(events, op) == [_expected(denial)], f"{name} without {denial.name}"
        _proven(world, op, denial, control.last)


@pytest.mark.parametrize("right", POLICY_RIGHTS)
def test_policy_management(world: World, right: str) -> None:
    """Loading a policy, switching enforcing and setting booleans are asked of the subject, on the node."""
    hook, manage = POLICY_RIGHTS[right]
    user = world.cluster.client().login(world.profile.user)
    before = world.layer("parent").lstat("/")
    mark = world.cluster.mark()

    with pytest.raises(PermissionError):
        manage(world.cluster, user)

    denied = [e for e in world.cluster.events(mark) if e["e"] == "avc" and not e["allowed"]]
    assert [(e["hook"], e["tclass"], e["denied"]) for e in denied] == [(hook, "security", [right])]
    manage(world.cluster, world.layer("parent"))
    assert world.layer("parent").lstat("/") == before


def _refused(world: World, denial: derive.Denial, subject: Task, place: Place) -> str:
    """Does the operation as a subject that lacks one permission; the id of the refused operation."""
    scenario = denial.scenario
    if denial.homeless:
        place = replace(place, new_label=world.derived.labels["homeless"])
    if _leaves(denial):
        place = world.lay(scenario)

    with pytest.raises(OSError) as refusal:
        scenario.act(subject, place)

    assert refusal.value.errno == _errno(denial), f"{scenario.name} without {denial.name}: {refusal.value}"
    return subject.last


def _passes(scenario: Scenario, control: Task, place: Place) -> None:
    """The operation by who may: it is done, or answered as the kernel answers who has passed all checks."""
    if not scenario.answers:
        scenario.act(control, place)
        return
    with pytest.raises(OSError) as answer:
        scenario.act(control, place)

    assert answer.value.errno == scenario.answers, f"{scenario.name} with all that it needs: {answer.value}"


def _proven(world: World, op: str, denial: derive.Denial, control: str) -> None:
    """Notes that the same operation, with exactly that permission added, passed in the same place."""
    check = denial.check
    world.cluster.record(
        "control", denial=op, control=control, hook=check.hook, tclass=check.tclass, permission=denial.permission,
        answer=denial.scenario.answers, changed=[],
    )  # fmt: skip


def _leaves(denial: derive.Denial) -> bool:
    """An open that is denied after its create succeeded leaves the file behind, as the kernel does."""
    return denial.check.hook == "file_open" and denial.scenario.case == "new"


def _errno(denial: derive.Denial) -> int:
    """capable() answers EPERM; where DAC asked it, DAC's own EACCES is what comes out. A label that may not be, by a
    rule for transitions, is EPERM too; one that nobody knows EINVAL (security/selinux/hooks.c, inode_setxattr)."""
    if denial.permission in ("dac_override", "dac_read_search"):
        return errno.EACCES
    if denial.permission == "mac_admin":
        return errno.EINVAL
    by_rule = denial.permission == "validatetrans" or denial.check.tclass == "capability"
    return errno.EPERM if by_rule else errno.EACCES


def _expected(denial: derive.Denial) -> tuple[str, str, tuple[str, ...], str]:
    # Whose open file it is was asked when it was opened.
    vantage = {"setprocattr": "agent", "file_permission": "recheck"}.get(denial.check.hook, "server")
    return denial.check.hook, denial.check.tclass, (denial.permission,), vantage


def _refusals(events: list[dict[str, Any]], op: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    """What the policy refused in the course of an operation."""
    return [
        (e["hook"], e["tclass"], tuple(e["denied"]), e["vantage"])
        for e in events
        if e["e"] == "avc" and e["op"] == op and e["module"] == "selinux" and not e["allowed"]
    ]
