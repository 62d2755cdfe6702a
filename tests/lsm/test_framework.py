import errno

import pytest

from lsm.framework import Framework, Mediator
from lsm.hooks import HOOKS, Hooks
from lsm.modules import MODULES
from lsm.modules.capability import NUMBER, Capability
from lsm.objects import Caps, Decision, Denied, Fid, Obj, Subject

ASKER = Subject(1000, 1000)
OBJECT = Obj("object", "file", version=3, fid=Fid(1, 2), name="f")


class Module(Hooks):
    """Says its name in each decision and in `calls`; refuses what `refuses` names."""

    def __init__(self, name: str, calls: list[str], refuses: str = "") -> None:
        self.name = name
        self.calls = calls
        self.refuses = refuses

    def _decided(self, perm: str) -> Decision:
        self.calls.append(f"{self.name}:{perm}")
        refused = perm == self.refuses
        return Decision("", "", (perm,), (perm,) if refused else (), "s", "t", "file", not refused)

    def inode_getattr(self, subject, obj):
        yield self._decided("first")
        yield self._decided("second")

    def inode_init_security(self, subject, parent, new):
        return f"{self.name}_t" if self.refuses != "label" else None


class Silent(Hooks):
    name = "silent"


@pytest.fixture
def calls() -> list[str]:
    return []


def test_modules_are_called_in_order(calls) -> None:
    """Each module's queries, in order, module after module."""
    m = Mediator(Framework([Module("one", calls), Module("two", calls)]), ASKER)

    m.check("inode_getattr", OBJECT)

    assert calls == ["one:first", "one:second", "two:first", "two:second"]
    assert [d.module for d in m.decisions] == ["one", "one", "two", "two"]


def test_the_first_denial_wins(calls) -> None:
    """Neither the rest of that module's queries nor the next module is asked."""
    m = Mediator(Framework([Module("one", calls, "first"), Module("two", calls)]), ASKER)

    with pytest.raises(Denied) as denied:
        m.check("inode_getattr", OBJECT)

    assert calls == ["one:first"]
    assert (denied.value.decision.module, denied.value.decision.hook) == ("one", "inode_getattr")
    assert denied.value.errno == errno.EACCES
    assert isinstance(denied.value, PermissionError)


def test_capability_is_always_first(calls) -> None:
    """Wherever it is named, as LSM_ORDER_FIRST says; the others keep their order."""
    framework = Framework([Module("one", calls), Module("two", calls), Capability()])

    assert [m.name for m in framework.modules] == ["capability", "one", "two"]
    assert MODULES[0] is Capability


def test_a_hook_that_no_module_overrides_is_not_called() -> None:
    """Only the methods that really override are bound, and nothing denies."""
    framework = Framework([Silent()])
    m = Mediator(framework, ASKER)

    m.check("inode_getattr", OBJECT)

    assert framework.overriders("inode_getattr") == ()
    assert m.decisions == []


def test_labels_are_collected_from_every_module(calls) -> None:
    """Each fills its own slot; one that has none leaves it out."""
    modules = [Module("one", calls), Module("two", calls, "label"), Module("three", calls), Silent()]
    m = Mediator(Framework(modules), ASKER)

    assert m.labels("inode_init_security", OBJECT, OBJECT) == {"one": "one_t", "three": "three_t"}


@pytest.mark.parametrize("call", ["check", "labels"])
def test_an_unknown_hook_is_a_keyerror(call) -> None:
    """A word that is no hook never counts as allowed."""
    m = Mediator(Framework([]), ASKER)

    with pytest.raises(KeyError):
        getattr(m, call)("inode_fly", OBJECT)


def test_every_hook_has_an_allowing_default() -> None:
    """With no module at all, each check allows and each label is absent."""
    assert len(HOOKS) > 25
    assert all(Framework([]).overriders(hook) == () for hook in HOOKS)


def test_firings_are_counted_by_hook_role_and_fid(calls) -> None:
    """Also of a hook that nobody overrides, and of one without an object: the subject."""
    m = Mediator(Framework([Module("one", calls)]), ASKER)

    for _ in range(2):
        m.check("inode_getattr", OBJECT)
    m.check("inode_link", OBJECT, Obj("parent", "dir", fid=Fid(9, 9)))
    m.check("setprocattr", "fscreate", None)
    m.labels("inode_init_security", OBJECT, OBJECT)

    assert m.fired == {
        ("inode_getattr", "object", Fid(1, 2)): 2,
        ("inode_link", "object", Fid(1, 2)): 1,
        ("setprocattr", "subject", None): 1,
        ("inode_init_security", "object", Fid(1, 2)): 1,
    }


def test_a_denied_firing_counts(calls) -> None:
    """The hook fired, whatever it said."""
    m = Mediator(Framework([Module("one", calls, "first")]), ASKER)

    with pytest.raises(Denied):
        m.check("inode_getattr", OBJECT)

    assert m.fired["inode_getattr", "object", Fid(1, 2)] == 1


def test_acting_for_somebody_shares_the_record(calls) -> None:
    """The other subject is asked about, in the same firings and decisions."""
    seen = []

    class Who(Hooks):
        name = "who"

        def inode_getattr(self, subject, obj):
            seen.append(subject.uid)
            return ()

    m = Mediator(Framework([Who(), Module("one", calls)]), ASKER)

    other = m.acting_for(Subject(7, 7))
    other.check("inode_getattr", OBJECT)
    m.check("inode_getattr", OBJECT)

    assert seen == [7, 1000]
    assert other.decisions is m.decisions
    assert m.fired["inode_getattr", "object", Fid(1, 2)] == 2


def test_a_modules_own_error_passes(calls) -> None:
    """EINVAL is no denial: it is raised as it is, and the next module is not asked."""

    class Invalid(Hooks):
        name = "invalid"

        def inode_getattr(self, subject, obj):
            raise OSError(errno.EINVAL, "no such context")

    m = Mediator(Framework([Invalid(), Module("one", calls)]), ASKER)

    with pytest.raises(OSError, match="no such context") as error:
        m.check("inode_getattr", OBJECT)

    assert not isinstance(error.value, Denied)
    assert (calls, m.decisions) == ([], [])


def test_a_decision_is_placed(calls) -> None:
    """Hook, module, role, FID, name and label version are the framework's to add."""
    m = Mediator(Framework([Module("one", calls)]), ASKER)

    m.check("inode_getattr", OBJECT)
    found = m.decisions[0]

    assert (found.hook, found.module, found.role, found.fid, found.name, found.version) == (
        "inode_getattr", "one", "object", Fid(1, 2), "f", 3,
    )  # fmt: skip


def test_a_users_own_module_beside_ours(framework, task, thing, perform) -> None:
    """A third module needs no more than to be listed: it refuses what SELinux allows, and keeps its own label."""

    class Curfew(Hooks):
        name = "curfew"
        xattr = "security.curfew"

        def inode_unlink(self, subject, parent, obj):
            yield Decision("", "", ("unlink",), ("unlink",), "now", "night", obj.tclass, False, "rule")

        def inode_init_security(self, subject, parent, new):
            return "night"

    ours = Framework([*framework.modules, Curfew()])
    parent = thing("home_t", "dir", role="parent")

    refused = perform(ours, task(), "unlink", parent=parent, object=thing("home_t"))
    labels = Mediator(ours, task()).labels("inode_init_security", parent, Obj("new", "file", name="n"))

    assert (refused.errno, refused.error.decision.module, len(refused.checks)) == (errno.EACCES, "curfew", 3)
    assert tuple(ours.kept) == ("security.selinux", "security.curfew")
    assert labels == {"selinux": "user_u:object_r:home_t:s0", "curfew": "night"}


@pytest.mark.parametrize(("caps", "may"), [(("mknod",), True), ((), False)])
def test_capable_answers_and_records(posix, caps, may) -> None:
    """A refusal is on record, and its caller decides what it means."""
    m = Mediator(posix, Subject(0, 0, caps=Caps(sum(1 << NUMBER[cap] for cap in caps))))

    assert m.capable(NUMBER["mknod"]) is may
    assert [d.allowed for d in m.decisions] == [may]


def test_a_denial_says_what_happened() -> None:
    """Hook, contexts, missing permissions and object in one sentence, with the decision's errno."""
    decision = Decision(
        "file_open", "selinux", ("read", "open"), ("open",), "a_t", "b_t", "file", False, name="f", errno=errno.EPERM
    )

    denied = Denied(decision)

    assert (denied.errno, denied.strerror) == (errno.EPERM, "file_open: a_t lacks file { open } on b_t (f)")
