import errno
import zlib

import pytest

from host import policy as host_policy
from host.policy import PolicyState, framework
from lsm.framework import Mediator
from lsm.objects import Denied, Obj, Subject

KERNEL = Subject(0, 0, comm="mds")
MODULES = ("capability", "selinux")
USER = Subject(1000, 1000, labels={"selinux": "user_u:user_r:user_t:s0"})
SHARED = Obj("object", "file", {"selinux": "system_u:object_r:shared_t:s0"}, mode=0o100666)


@pytest.fixture
def state() -> PolicyState:
    return PolicyState(MODULES)


@pytest.fixture
def loaded(state, packed) -> PolicyState:
    state.load("targeted", "d1", 33, packed, enforcing=True, by=KERNEL)
    return state


@pytest.fixture
def changes(state) -> list:
    seen: list = []
    state.on_change(lambda why, by: seen.append((why, by, state.seqno)))
    return seen


def may_write(state: PolicyState) -> bool:
    try:
        Mediator(state.framework, USER).check("inode_permission", SHARED, 2)
    except Denied:
        return False
    return True


def test_before_the_boot_policy_nothing_is_decided(state) -> None:
    """Fail closed: EACCES, no fingerprint, not loaded; what needs no policy is there."""
    with pytest.raises(PermissionError) as refused:
        _ = state.framework

    assert refused.value.errno == errno.EACCES
    assert (state.loaded, state.sepol, state.seqno, state.booleans) == (False, "", 0, {})
    assert [m.name for m in state.framework_or_capability.modules] == ["capability"]


def test_the_stamp_is_of_the_rules_and_of_how_often_they_changed(loaded, packed) -> None:
    """Nodes with the same ones in force have it in common; none has it from a life with others."""

    def life(digest: str, *booleans: bool) -> PolicyState:
        state = PolicyState(MODULES)
        state.load("targeted", digest, 33, packed, enforcing=True, by=KERNEL)
        for value in booleans:
            state.set_booleans({"user_write_shared": value}, by=KERNEL)
        return state

    stamps = [life("d1").stamp, life("d2").stamp, life("d1", True).stamp, life("d1", True, False).stamp]

    assert stamps[0] == loaded.stamp
    assert len({0, *stamps, life("d1", False).stamp}) == 6
    loaded.load("targeted", "d2", 33, packed, enforcing=True, by=KERNEL)
    assert loaded.stamp not in stamps


def test_without_selinux_no_policy_is_needed() -> None:
    """An ordinary POSIX node: ready at once, and there is nothing to switch."""
    state = PolicyState(("capability",))

    assert (state.loaded, state.sepol) == (True, "")
    for switch in (lambda: state.set_enforce(False, by=KERNEL), lambda: state.set_booleans({}, by=KERNEL)):
        with pytest.raises(OSError, match="no module") as refused:
            switch()
        assert refused.value.errno == errno.EOPNOTSUPP


def test_boot(state, packed, changes) -> None:
    """The policy is in force, with its fingerprint `mode:name:version:hash`; listeners know who and why."""
    state.load("targeted", "d1", 33, packed, enforcing=True, by=KERNEL)

    assert (state.loaded, state.enforcing, state.sepol) == (True, True, "1:targeted:33:d1")
    assert [m.name for m in state.framework.modules] == ["capability", "selinux"]
    assert changes == [("boot", KERNEL, 1)]


def test_boot_permissive(state, packed) -> None:
    """The mode is part of the fingerprint."""
    state.load("targeted", "d1", 33, packed, enforcing=False, by=KERNEL)

    assert (state.enforcing, state.sepol) == (False, "0:targeted:33:d1")


def test_another_policy_over_it(loaded, packed, changes) -> None:
    """The seqno moves, the mode stays, the framework is the same object, the AVC is empty."""
    before = loaded.framework
    may_write(loaded)

    loaded.load("other", "d2", 34, packed, enforcing=False, by=USER)

    assert (loaded.seqno, loaded.enforcing, loaded.sepol) == (2, True, "1:other:34:d2")
    assert loaded.framework is before
    assert len(loaded.framework.module("selinux").avc) == 0
    assert changes == [("load", USER, 2)]


def test_a_policy_that_comes_back_is_not_read_again(state, cil, monkeypatch) -> None:
    """Neither is one that is loaded over itself; another one is read."""
    read = []
    parse = host_policy.Policy.parse
    monkeypatch.setattr(host_policy.Policy, "parse", lambda text, digest: read.append(digest) or parse(text, digest))
    texts = {digest: zlib.compress(f"{cil}; {digest}\n".encode()) for digest in ("mine", "tried")}

    for digest in ("mine", "tried", "tried", "mine"):
        state.load("targeted", digest, 33, texts[digest], enforcing=True, by=KERNEL)

    assert read == ["mine", "tried"]
    assert state.digest == "mine"


def test_booleans(loaded, changes) -> None:
    """A boolean is in force at once, whatever the AVC held."""
    assert not may_write(loaded)

    loaded.set_booleans({"user_write_shared": True}, by=USER)

    assert may_write(loaded)
    assert (loaded.seqno, loaded.booleans["user_write_shared"], changes) == (2, True, [("booleans", USER, 2)])


def test_booleans_are_set_all_or_none(loaded, changes) -> None:
    """ENOENT names the unknown one, and nothing changed."""
    with pytest.raises(OSError, match="no_such") as refused:
        loaded.set_booleans({"user_write_shared": True, "no_such": True}, by=USER)

    assert refused.value.errno == errno.ENOENT
    assert (loaded.seqno, loaded.booleans["user_write_shared"], changes) == (1, False, [])


def test_enforcing_is_switched(loaded, changes) -> None:
    """Off lets pass; on again denies, and a denial that was let pass is reported anew."""
    loaded.set_enforce(False, by=USER)
    passed = may_write(loaded)
    loaded.set_enforce(True, by=USER)

    assert (passed, may_write(loaded)) == (True, False)
    assert [why for why, _, _ in changes] == ["enforce", "enforce"]


def test_switching_to_what_it_is_changes_nothing(loaded, changes) -> None:
    """No event, no flush."""
    loaded.set_enforce(True, by=USER)

    assert changes == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"",
        lambda packed: b"not zlib",
        lambda packed: packed[:-8],
        lambda packed: packed[:-1],
        lambda packed: packed[:1000] + b"\0\0\0\0" + packed[1004:],
        lambda packed: zlib.compress(b"(no such statement)"),
        lambda packed: zlib.compress(b"(" * 100_000),
        lambda packed: zlib.compress(b"\xff\xfe"),
        lambda packed: zlib.compress(b""),
    ],
    ids=[
        "empty",
        "not zlib",
        "cut off",
        "without its checksum",
        "garbled",
        "unknown statement",
        "deep",
        "not text",
        "empty text",
    ],
)
@pytest.mark.parametrize("booted", [True, False])
def test_a_damaged_policy_changes_nothing(state, packed, changes, damage, booted) -> None:
    """EINVAL names the policy; what was in force stays in force, or nothing still is."""
    if booted:
        state.load("targeted", "d1", 33, packed, enforcing=True, by=KERNEL)
    before = (state.loaded, state.sepol, state.seqno, list(changes))

    with pytest.raises(OSError, match="'bad'") as refused:
        state.load("bad", "d2", 33, damage(packed), enforcing=False, by=KERNEL)

    assert refused.value.errno == errno.EINVAL
    assert (state.loaded, state.sepol, state.seqno, changes) == before


def test_a_policy_too_large_is_refused_before_it_is_unpacked(state, cil, monkeypatch) -> None:
    """A bomb of a few bytes costs no more than the limit."""
    monkeypatch.setattr(host_policy, "CIL_BYTES_MAX", len(cil))
    state.load("fits", "d1", 33, zlib.compress(cil.encode()), enforcing=True, by=KERNEL)

    with pytest.raises(OSError, match="longer than") as refused:
        state.load("bomb", "d2", 33, zlib.compress(cil.encode() + b" " * 10_000_000), enforcing=True, by=KERNEL)

    assert refused.value.errno == errno.EINVAL


def test_the_framework_of_a_node() -> None:
    """In the call order of MODULES, whatever order they are named in; an unknown name is a ValueError at once."""
    assert [m.name for m in framework(("capability",), None).modules] == ["capability"]
    with pytest.raises(ValueError, match="no LSM module 'smock'; there are capability, selinux"):
        framework(("capability", "smock"), None)
    with pytest.raises(ValueError, match="smock"):
        PolicyState(("selinux", "smock"))


def test_selinux_guards_its_own_xattr(loaded) -> None:
    """A relabel needs no CAP_SYS_ADMIN where SELinux is on (inode_xattr_skipcap)."""
    home = Obj("object", "file", {"selinux": "user_u:object_r:home_t:s0"}, mode=0o100666, uid=1000)
    fs = Obj("fs", "filesystem", {"selinux": "system_u:object_r:lustre_fs_t:s0"})
    m = Mediator(loaded.framework, USER)

    m.check("inode_setxattr", home, "security.selinux", b"user_u:object_r:project_t:s0", fs)

    assert {d.module for d in m.decisions} == {"selinux"}
