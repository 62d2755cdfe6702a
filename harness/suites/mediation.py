"""mediation: for every operation and every permission that it needs, a subject that lacks exactly that one.

One derived policy holds all the subjects (derive.py). Each denial has to name exactly the missing permission, the hook
and the server; all denials together have to change nothing; and then the same operation by the control subject, which
has that one permission besides, has to succeed in the same place. The client's LSM is off, so that whatever is denied
is denied by a server.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harness import profile
from harness.suites import derive, partners, sites
from harness.suites.scenarios import DEVICES, FORMAT, LABEL, Place, Scenario, scenarios
from harness.tasks import Task

SCENARIOS = scenarios()
FAMILIES = derive.families(SCENARIOS)
# Task -> what it has open.
Fds = Mapping[str, Any]
Manage = Callable[[Any, Task], object]
# right of class security -> (hook, what is asked of the cluster)
POLICY_RIGHTS: dict[str, tuple[str, Manage]] = {
    "load_policy": ("policy_load", lambda cluster, who: cluster.load_policy(cluster.policy, by=who)),
    "setenforce": ("policy_setenforce", lambda cluster, who: cluster.set_enforce(True, by=who)),
    "setbool": ("policy_setbool", lambda cluster, who: cluster.set_booleans({}, by=who)),
}
CAPS, USER = "all", 1000
_ENDS = {"r": os.O_RDONLY, "w": os.O_WRONLY}


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

    def cast(self, family: Sequence[Scenario]) -> dict[str, Task]:
        """A task for each subject of the family, by its context, with the capabilities that it needs and no others.

        Who is to be handed what another context opened begins as that one.
        """
        denials = [denial for scenario in family for denial in self.derived.denials[scenario.name]]
        contexts = {context for denial in denials for context in (denial.subject, denial.control)}
        caps = {cap for scenario in family for cap in scenario.capabilities}
        login, comm = self.cluster.client().login, family[0].family[:15]
        first = {each: self.derived.opener if family[0].foreign else each for each in sorted(contexts)}
        return {each: login(first[each], uid=USER, gid=USER, caps=caps, comm=comm) for each in first}

    def lay(self, family: Sequence[Scenario]) -> dict[str, Place]:
        """Fresh directories, with what each scenario finds there, labelled and owned as it says; its place by name."""
        self.places += 1
        root, label = f"/mediation{self.places}", self.derived.labels[family[0].becomes]
        self.layer("parent").mkdir(root, 0o777)
        if any("newparent" in scenario.lays for scenario in family):
            self.layer("newparent").mkdir(f"{root}n", 0o777)
        places = {}
        for scenario in family:
            place = places[scenario.name] = Place(root, f"{root}n", scenario.tclass, label, self.derived.context)
            if "object" in scenario.lays:
                self._object(place.object, scenario, "object")
            if "target" in scenario.lays:
                self._object(place.target, scenario, "target")
        return places

    def opened(self, scenario: Scenario, place: Place, tasks: Iterable[Task]) -> dict[str, Any]:
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

    def picture(self, places: Mapping[str, Place], family: Sequence[Scenario]) -> dict[str, Any]:
        """All that the family could change: times, sizes, owners, labels of the objects and directories involved."""
        paths = {
            getattr(places[scenario.name], role) for scenario in family for role in ("parent", *scenario.lays)
        }  # fmt: skip
        return sites.looked_at(self.layer("parent"), sorted(paths))


@pytest.fixture(scope="module")
def world(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[World]:
    """The cluster with the derived policy loaded over the given one, which comes back at the end."""
    cluster = labelproof_cluster
    if cluster.spec.mode != "enforcing":
        pytest.skip(f"nobody is denied anything in mode {cluster.spec.mode}")
    given, who = cluster.policy, labelproof_profile
    derived = derive.derive(given, who, SCENARIOS)
    admin = cluster.client().login(who.admin, uid=0, gid=0, caps=CAPS)
    cluster.load_policy(derived.policy, by=admin)
    yield World(cluster, who, derived).settle()
    cluster.load_policy(given, by=admin)


@pytest.mark.parametrize("name", FAMILIES)
def test_operation(world: World, name: str) -> None:
    """Lacking any one permission the operation is refused, by the hook that asks it; with it, it is done."""
    denials, barred = world.derived.denials, world.derived.barred
    family = [scenario for scenario in FAMILIES[name] if scenario.name not in barred]
    if not family:
        pytest.skip(barred[FAMILIES[name][0].name])
    places, cast = world.lay(family), world.cast(family)
    fds = {each.name: world.opened(each, places[each.name], cast.values()) for each in family}
    for context, task in cast.items():
        if task.context != context:
            task.setcon(context)
    before, mark = world.picture(places, family), world.cluster.mark()

    refused = [
        (
            _refused(world, denial, cast[denial.subject], _at(places[each.name], fds[each.name], cast[denial.subject])),
            denial,
        )
        for each in family
        for denial in denials[each.name]
    ]

    assert world.picture(places, family) == before, f"{name}: a denied operation changed something"
    passed = {each.name: _passed(each, cast[denials[each.name][0].control], places, fds) for each in family}
    events = world.cluster.events(mark)
    for op in passed.values():
        assert _refusals(events, op) == [], f"{name} with all that it needs"
    for op, denial in refused:
        assert _refusals(events, op) == [_expected(denial, world.derived)], (
            f"{denial.scenario.name} without {denial.name}"
        )
        _proven(world, op, denial, passed[denial.scenario.name], denial.scenario.answers)


@pytest.mark.parametrize(("first", "second"), [("r", "w"), ("w", "r")])
def test_fifo(world: World, first: str, second: str) -> None:
    """Who waits in the open of a fifo is woken by nobody who is refused the other end, and by the first who is not."""
    waits, opens = (each for name in (first, second) for each in FAMILIES[f"open-{name}"] if each.tclass == "fifo_file")
    for each in (waits, opens):
        if each.name in world.derived.barred:
            pytest.skip(world.derived.barred[each.name])
    denials, path = world.derived.denials[opens.name], world.lay([opens])[opens.name].object
    cast, mark = world.cast([opens]), world.cluster.mark()
    one = partners.Open(world.cast([waits])[world.derived.denials[waits.name][0].control], path, _ENDS[first])
    strangers = [partners.Open(cast[denial.subject], path, _ENDS[second]) for denial in denials]
    other = partners.Open(cast[denials[0].control], path, _ENDS[second])

    tried = world.cluster.run(partners.meet(world.cluster, one, strangers, other))

    events = world.cluster.events(mark)
    assert _refusals(events, one.task.last) == _refusals(events, other.task.last) == []
    for (op, number), denial in zip(tried, denials, strict=True):
        assert (number, _refusals(events, op)) == (_errno(denial), [_expected(denial, world.derived)]), denial.name
        _proven(world, op, denial, other.task.last, 0)


@pytest.mark.parametrize("right", POLICY_RIGHTS)
def test_policy_management(world: World, right: str) -> None:
    """Loading a policy, switching enforcing and setting booleans are asked of the subject, on the node."""
    hook, manage = POLICY_RIGHTS[right]
    # Of a type that the given policy knows nothing of: the profile's user may be permissive, or have the right.
    user = world.cluster.client().login(world.derived.context)
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
        place = world.lay([scenario])[scenario.name]

    with pytest.raises(OSError) as refusal:
        scenario.act(subject, place)

    assert refusal.value.errno == _errno(denial), f"{scenario.name} without {denial.name}: {refusal.value}"
    return subject.last


def _passed(scenario: Scenario, control: Task, places: Mapping[str, Place], fds: Mapping[str, Fds]) -> str:
    """The operation by who may: it is done, or answered as the kernel answers who has passed all checks. Its id."""
    place = _at(places[scenario.name], fds[scenario.name], control)
    if not scenario.answers:
        scenario.act(control, place)
        return control.last
    with pytest.raises(OSError) as answer:
        scenario.act(control, place)

    assert answer.value.errno == scenario.answers, f"{scenario.name} with all that it needs: {answer.value}"
    return control.last


def _at(place: Place, fds: Fds, task: Task) -> Place:
    """The place as the task finds it, with its own open file."""
    return replace(place, fd=fds.get(task.id))


def _proven(world: World, op: str, denial: derive.Denial, control: str, answer: int) -> None:
    """Notes that the same operation, with exactly that permission added, passed in the same place."""
    check = denial.check
    world.cluster.record(
        "control", denial=op, control=control, hook=check.hook, tclass=check.tclass, permission=denial.permission,
        answer=answer, changed=[],
    )  # fmt: skip


def _leaves(denial: derive.Denial) -> bool:
    """An open that is denied after its create succeeded leaves the file behind, as the kernel does."""
    return denial.check.hook == "file_open" and denial.scenario.case == "new"


def _errno(denial: derive.Denial) -> int:
    """capable() answers EPERM; where DAC asked it, DAC's own EACCES is what comes out. A label that may not be, by a
    rule for transitions, is EPERM too; one that nobody knows EINVAL (security/selinux/hooks.c, inode_setxattr). Whose
    file may be linked is EPERM, whatever it is that says no (fs/namei.c, may_linkat)."""
    if denial.permission in ("dac_override", "dac_read_search", "lease"):
        return errno.EACCES
    if denial.permission == "mac_admin":
        return errno.EINVAL
    # A capability that selinux_file_ioctl asks for itself is refused by its own errno.
    capable = denial.check.tclass == "capability" and denial.check.hook != "file_ioctl"
    linked = denial.scenario.op == "link" and denial.check.hook == "inode_permission"
    linked = linked and denial.check.target == "object"
    return errno.EPERM if capable or linked or denial.permission == "validatetrans" else errno.EACCES


# Hook, class, what was missing, who decided, whether there is a record of it.
Refusal = tuple[str, str, tuple[str, ...], str, bool]


def _expected(denial: derive.Denial, derived: derive.Derived) -> Refusal:
    """On record, but for a transition of labels, which has a record of another kind than an AVC's, and for what
    access(2) asks under a policy that says nothing of its records."""
    # Whose open file it is was asked when it was opened.
    vantage = {"setprocattr": "agent", "file_permission": "recheck"}.get(denial.check.hook, "server")
    # A rule on commands is a rule on their `ioctl`.
    permission = "ioctl" if denial.permission == "allowx" else denial.permission
    asking = denial.scenario.op == "access" and denial.scenario.case == "access" and denial.check.target == "object"
    audited = permission != "validatetrans" and not (asking and derived.silent)
    return denial.check.hook, denial.check.tclass, (permission,), vantage, audited


def _refusals(events: list[dict[str, Any]], op: str) -> list[Refusal]:
    """What the policy refused in the course of an operation."""
    return [
        (e["hook"], e["tclass"], tuple(e["denied"]), e["vantage"], bool(e.get("audited")))
        for e in events
        if e["e"] == "avc" and e["op"] == op and e["module"] == "selinux" and not e["allowed"]
    ]
