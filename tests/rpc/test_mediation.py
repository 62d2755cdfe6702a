"""What fired is held against what proto/ declares."""

import errno
from collections import Counter

import pytest

import lsm
import rpc
from labelproof.v1 import admin_pb2, client_pb2, context_pb2, mds_pb2, oss_pb2
from lsm.objects import Obj
from rpc.mediation import declared

PARENT = Obj("parent", "dir")
SERVICES = [
    service
    for module in (mds_pb2, oss_pb2, client_pb2, admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]


@pytest.mark.parametrize("method", [m for s in SERVICES for m in s.methods], ids=lambda m: m.full_name)
def test_every_rpc_declares_its_mediation(method) -> None:
    """Each rpc of each service has a well-formed declaration: cases, or none with the reason."""
    mediation = declared(method)

    assert bool(mediation.cases) != bool(mediation.none)


def fires(*hooks: str):
    def act(call: rpc.Call) -> None:
        call.takes("name")
        for hook in hooks:
            call.lsm.check(hook, PARENT, 1)

    return act


def silent(call: rpc.Call) -> None:
    call.lsm.check("inode_permission", PARENT, 1)


def unknown(call: rpc.Call) -> None:
    call.takes("rename")


BROKEN = {
    "must missing": (fires(), "case name: inode_permission(parent) did not fire"),
    "hook besides": (fires("inode_permission", "inode_getattr"), "inode_getattr(parent) fired, but is not declared"),
    "no case": (silent, "took none of its declared cases"),
    "no such case": (unknown, "'rename', which is not declared"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_contract_is_refused_and_found(run, caller, lookup, case) -> None:
    """A handler that did not ask what its case declares is refused, and the history says how."""
    act, sentence = BROKEN[case]

    async def test(cluster):
        cluster.ops.act = act
        try:
            await cluster.stub().lookup(lookup, caller)
        except OSError as error:
            return error, cluster.lines("mds0")[-1]

    error, reply = run(test)

    assert (error.errno, rpc.definite(error), reply["status"]) == (errno.EACCES, True, errno.EACCES)
    assert reply["finding"].startswith("Mds/Lookup ")
    assert sentence in reply["finding"]


def test_firing_more_often_is_in_order(run_memory, caller, lookup) -> None:
    """A hook that must fire may fire again."""

    async def test(cluster):
        cluster.ops.act = fires("inode_permission", "inode_permission")
        await cluster.stub().lookup(lookup, caller)
        return cluster.lines("mds0")[-1]

    reply = run_memory(test)

    assert (reply["finding"], reply["fired"]) == (None, [["inode_permission", "parent", None, 2]])


def test_none_means_none(run_memory, caller) -> None:
    """An rpc that declares no mediation may not ask a hook."""

    async def test(cluster):
        cluster.ops.act = silent
        await cluster.stub().connect(mds_pb2.ConnectRequest(), caller)

    with pytest.raises(PermissionError, match="declares no mediation"):
        run_memory(test)


def test_a_walk_fires_besides() -> None:
    """Named by parent and name, an rpc must fire its walk on top of its case; named by FID, it may not."""
    getattr_ = declared(mds_pb2.DESCRIPTOR.services_by_name["Mds"].methods_by_name["Getattr"])
    stat = {("inode_getattr", "object", None): 1}
    walked = {**stat, ("inode_permission", "parent", None): 1}

    assert getattr_.finding("stat", False, stat) is None
    assert getattr_.finding("stat", True, walked) is None
    assert getattr_.finding("stat", True, stat) == "case stat: inode_permission(parent) did not fire"
    assert "not declared" in (getattr_.finding("stat", False, walked) or "")


def test_a_walk_counts_on_top_of_the_case(run_memory, caller, mkdir) -> None:
    """Mkdir asks its parent twice: to search it, and to write into it. Once is a finding."""
    mediation = declared(mds_pb2.DESCRIPTOR.services_by_name["Mds"].methods_by_name["Mkdir"])
    fired = Counter({(h, "parent", None): 1 for h in ("inode_permission", "inode_mkdir", "inode_init_security")})

    assert mediation.finding("new", True, fired) == "case new: inode_permission(parent) did not fire"
    fired["inode_permission", "parent", lsm.Fid(1, 1)] += 1
    assert mediation.finding("new", True, fired) is None


def test_may_star_allows_any_hook() -> None:
    """`may: "*"` is for cases whose hooks are another's to declare."""
    mediation = declared(client_pb2.DESCRIPTOR.services_by_name["Agent"].methods_by_name["Syscall"])

    assert mediation.finding("file", False, {("inode_mkdir", "parent", None): 3}) is None
    assert mediation.finding("attr", False, {}) == "case attr: setprocattr(subject) did not fire"


class FakeMethod:
    """A descriptor with an option of the test's own."""

    def __init__(self, **option) -> None:
        self.name = "M"
        self.containing_service = self
        self._option = context_pb2.Mediation(**option)

    def GetOptions(self):
        return self

    @property
    def Extensions(self):
        return {context_pb2.mediation: self._option}


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ({}, "neither cases nor none"),
        ({"none": "x", "cases": [context_pb2.Case(name="a")]}, "neither cases nor none"),
        ({"cases": [context_pb2.Case()]}, "no name"),
        ({"cases": [context_pb2.Case(name="a"), context_pb2.Case(name="a")]}, "the same"),
        ({"cases": [context_pb2.Case(name="a", must=["inode_fly(parent)"])]}, "inode_fly"),
        ({"cases": [context_pb2.Case(name="a", may=["capable"])]}, "'capable'"),
        ({"cases": [context_pb2.Case(name="a", must=["*"])]}, r"'\*'"),
        ({"cases": [context_pb2.Case(name="a")], "walk": ["x(y)"]}, r"x\(y\)"),
    ],
)
def test_a_malformed_declaration_fails_at_bind(option, fault) -> None:
    """Nothing declared, a nameless case, an unknown hook: each is named."""
    with pytest.raises(TypeError, match=fault):
        declared(FakeMethod(**option))


def test_a_finding_after_the_change_is_not_definite(run_memory, caller, lookup) -> None:
    """Found only as the reply leaves, with the change made, the call may have happened."""

    def act(call: rpc.Call) -> None:
        call.transno = 7

    async def test(cluster):
        cluster.ops.act = act
        await cluster.stub().lookup(lookup, caller)

    with pytest.raises(PermissionError) as raised:
        run_memory(test)

    assert rpc.definite(raised.value) is False


@pytest.mark.parametrize("after", ["undeclared", "another case"])
def test_what_happens_after_a_step_was_verified_is_verified_too(run_memory, caller, lookup, after) -> None:
    def act(call: rpc.Call) -> None:
        call.takes("name")
        call.lsm.check("inode_permission", PARENT, 1)
        call.verify()
        if after == "undeclared":
            call.lsm.check("inode_getattr", PARENT)
        else:
            call.takes("stat")

    async def test(cluster):
        cluster.ops.act = act
        await cluster.stub().lookup(lookup, caller)

    with pytest.raises(PermissionError, match="not declared"):
        run_memory(test)


def test_decisions_of_both_subjects_are_told_apart(subject) -> None:
    """What is asked for the subject acted for counts with the call, and is marked."""

    class Module(lsm.Hooks):
        name = "m"

        def capable(self, subject, cap):
            yield lsm.Decision("", "", ("kill",), (), str(subject.uid), "", "capability", True)

    own = lsm.Mediator(lsm.Framework([Module()]), lsm.Subject(0, 0))
    behalf = rpc.call.BehalfMediator(own, subject)

    for mediator in (own, behalf, own, behalf):
        mediator.check("capable", 5)

    assert [d.scontext for d in own.decisions] == ["0", "1000", "0", "1000"]
    assert behalf.marks == {1, 3}
    assert own.fired == {("capable", "subject", None): 4}
