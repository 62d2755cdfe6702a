"""Which decisions count, and when two of them are the same."""

import pytest

from harness.oracle.checks import Check, decided, logged, of_socket, same, walked

RUNNER = "u:r:runner_t:s0"


def check(perms: str, granted: bool = True, tclass: str = "file", requested: str = "") -> Check:
    asked = frozenset((requested or perms).split()) if requested else None
    return Check(granted, frozenset(perms.split()), "u:r:app_t:s0", "u:object_r:data_t:s0", tclass, asked)


def event(number: int, requested: str, denied: str = "", **more: object) -> dict[str, object]:
    given = {
        "e": "avc", "n": "mds0", "i": number, "c": number, "rpc": "client0:1", "op": "op1", "vantage": "server",
        "hook": "inode_permission", "module": "selinux", "audited": True, "behalf": False, "scontext": "u:r:app_t:s0",
        "tcontext": "u:object_r:data_t:s0", "tclass": "file", "requested": requested.split(), "denied": denied.split(),
    }  # fmt: skip
    return given | more


@pytest.mark.parametrize(
    ("kernel", "cluster", "strictly", "asked"),
    [
        (check("read open"), check("open read", requested="read open"), True, True),
        (check("read"), check("read open", requested="read open"), False, False),
        (check("open", granted=False), check("open", False, requested="read open"), True, True),
        (check("open", granted=False), check("read open", requested="read open"), False, True),
        (check("read open"), check("open", False, requested="read open"), False, True),
        (check("write", granted=False), check("open", False, requested="read open"), False, False),
        (check("read", tclass="dir"), check("read", requested="read"), False, False),
    ],
)
def test_same(kernel, cluster, strictly, asked) -> None:
    """A grant is the whole query, a denial what is missing; where denials pass, only what was asked counts."""
    assert same(kernel, cluster, asked=False) is strictly
    assert same(kernel, cluster, asked=True) is asked


def test_a_walk_made_twice_is_one_walk() -> None:
    """`{search}` counts once within one walk, and again in the next one."""
    search, add = check("search", tclass="dir"), check("add_name search", tclass="dir")

    assert walked([search, search, add, search]) == [search, add, search]
    override = check("dac_read_search", tclass="capability")
    assert walked([override, search, override, search, override]) == [override, search, override]
    passed = check("search", granted=False, tclass="dir")
    assert walked([passed, search, add]) == [passed, add]


def test_what_counts() -> None:
    """The servers' decisions for the client's task and the agent's, in causal order; nothing else."""
    events = [
        event(2, "read open", "open"),
        event(1, "read"),
        event(3, "setfscreate", vantage="agent", rpc="harness:1", hook="setprocattr", tclass="process"),
        event(4, "mount", hook="sb_kern_mount"),
        event(5, "read", vantage="client"),
        event(6, "read", vantage="recheck"),
        event(7, "read", rpc="mds0:1"),
        event(8, "read", behalf=True, rpc="mds0:1"),
        event(9, "read", audited=False),
        event(10, "read", module="capability"),
        event(11, "setfscreate", hook="setprocattr", tclass="process"),
        event(12, "read", scontext="u:r:runner_t:s0-s3"),
    ]

    assert [str(found).split(" on ")[0] for found in decided(events, RUNNER)] == [
        "granted { read }", "denied { open }", "granted { setfscreate }"
    ]  # fmt: skip


def test_where_a_renames_first_path_ends_counts_before_its_second_path() -> None:
    """A Lookup of the second path brought it; what the rename asks of it again is left out, with its capability."""
    where = {"object": "[1:2:0]", "tclass": "dir"}
    events = [
        event(1, "search", role="first", **where),
        event(2, "read", tclass="lnk_file"),
        {"e": "rpc", "rpc": "client0:2", "method": "Mds/Rename", "c": 3},
        event(4, "dac_override", rpc="client0:2", hook="capable", tclass="capability"),
        event(5, "search", rpc="client0:2", role="parent", **where),
        event(6, "search", rpc="client0:2", role="newparent", **where),
        event(7, "write search", rpc="client0:2", role="parent", **where),
    ]
    told = ["{ search }", "{ read }", "{ search }", "{ search write }"]

    assert [str(found).split(" on ")[0] for found in decided(events, RUNNER)] == [f"granted {each}" for each in told]
    assert len(decided(events[1:], RUNNER)) == 4


def test_what_is_asked_again_counts_once() -> None:
    """A last step's checks, after other servers took part, are left out; those on an open file are the kernel's too."""
    again = [event(n, "write", vantage="recheck") for n in (2, 3)]
    moved = event(4, "read", vantage="recheck", hook="file_permission")

    found = decided([event(1, "write"), *again, moved], RUNNER)

    assert [sorted(check.perms) for check in found] == [["write"], ["read"]]


def test_what_is_the_machines_is_left_out() -> None:
    """Lines that are no decision, and the one fstat of opendir(3)."""
    line = {"res": "granted", "scontext": "u:r:app_t:s0", "tcontext": "u:object_r:data_t:s0", "tclass": "dir"}
    records = [{**line, "perms": [perm]} for perm in ("read", "getattr", "getattr")]

    found = logged([{"selinux_err": "op=setxattr"}, *records], "readdir")

    assert [sorted(check.perms) for check in found] == [["read"], ["getattr"]]


def test_a_socket_that_the_kernel_refused() -> None:
    """Its last word was no, and that about a socket itself, not the file that names it."""
    file = {"res": "granted", "tclass": "sock_file", "permissive": "0"}
    socket = {"res": "denied", "tclass": "unix_stream_socket", "permissive": "0"}

    assert of_socket([file, socket])
    assert not any(map(of_socket, ([socket, file], [socket | {"permissive": "1"}], [file | {"res": "denied"}], [])))
