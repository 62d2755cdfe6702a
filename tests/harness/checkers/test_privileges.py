"""What is done to somebody else's object, or to the administrator's attributes, needs a capability."""

import pytest

from harness.model import access

ACL = "system.posix_acl_access"
# f, arguments, method, row of the table, the capability
OWNERS = [
    ("chmod", {"mode": 0o600}, "Mds/Setattr", ("setattr", "attr"), "fowner"),
    ("utimes", {"atime_ns": 1, "mtime_ns": 1}, "Mds/Setattr", ("setattr", "attr"), "fowner"),
    ("setxattr", {"name": ACL, "value": ""}, "Mds/Setxattr", ("setxattr", "acl"), "fowner"),
    ("removexattr", {"name": ACL}, "Mds/Removexattr", ("removexattr", "acl"), "fowner"),
    ("fcntl", {"cmd": 1024, "arg": 0, "fd": 3}, "Mds/Fcntl", ("fcntl", "setlease"), "lease"),
]
ADMINISTRATORS = [
    ("setxattr", {"name": "trusted.t", "value": ""}, "Mds/Setxattr", ("setxattr", "attr"), "sys_admin"),
    ("getxattr", {"name": "trusted.t"}, "Mds/Getxattr", ("getxattr", "attr"), "sys_admin"),
    ("removexattr", {"name": "security.note"}, "Mds/Removexattr", ("removexattr", "attr"), "sys_admin"),
    ("setxattr", {"name": "security.capability", "value": ""}, "Mds/Setxattr", ("setxattr", "attr"), "setfcap"),
]


@pytest.fixture
def does(history, names):
    """Does one of the rows as a user, with a capability allowed, denied, or not asked for."""
    history.creates()

    def does(f, args, method, row, capability, *, uid, asked):
        history.subject("somebody", names["app"], uid=uid)
        history.task("t1", "somebody", "setattr")
        op = history.op(f, path="/f", **args)
        history.recv(method, op, place={"fid": names["file"]}, subject="somebody")
        if asked:
            facts = {"role": "subject", "obj": None, "allowed": asked == "allowed"}
            history.denied("capable", "capability", capability, names["app"], capability, **facts)
        checks = access.expected(*row)
        history.asked(checks, {"object": names["obj"]("made_t")}, {"object": names["file"]})
        history.reply(case=row[1], fired=history.fires(checks, {}))
        history.end(op, ret=0)

    return does


@pytest.fixture
def unprivileged(history, judged):
    """Whether that is what is found."""
    return lambda: "unprivileged" in judged(history, "mediation")[0]


@pytest.mark.parametrize("row", OWNERS, ids=lambda row: row[0])
@pytest.mark.parametrize(
    ("uid", "asked", "found"),
    [(1000, "", False), (1001, "", True), (0, "", True), (1001, "denied", True), (1001, "allowed", False)],
)
def test_owners_right_needs_the_owner_or_a_capability(does, unprivileged, row, uid, asked, found):
    """A server that forgets whose the file is: whoever is not 1000, root too, has to be allowed."""
    does(*row, uid=uid, asked=asked)

    assert unprivileged() == found


@pytest.mark.parametrize("row", ADMINISTRATORS, ids=lambda row: f"{row[0]}-{row[1]['name']}")
@pytest.mark.parametrize(("asked", "found"), [("", True), ("denied", True), ("allowed", False)])
def test_administrators_attribute_needs_a_capability(does, unprivileged, row, asked, found):
    """trusted.* and security.* but the label itself, whoever owns the file."""
    does(*row, uid=1000, asked=asked)

    assert unprivileged() == found


@pytest.mark.parametrize("given", ["/f", "/nowhere"])
def test_owner_of_what_was_given_away_is_not_known(history, does, unprivileged, given):
    """After a chown, of this file or of one that cannot be told, nobody is held to be a stranger."""
    history.end(history.op("chown", path=given, uid=1001, gid=-1), ret=0)
    does(*OWNERS[0], uid=1001, asked="")

    assert not unprivileged()


def test_times_as_they_are_now_need_no_owner(does, unprivileged):
    """utimes(now) is a write."""
    does(
        "utimes", {"atime_ns": None, "mtime_ns": None}, "Mds/Setattr", ("setattr", "now"), "fowner", uid=1001, asked=""
    )

    assert not unprivileged()
