"""The path walk: links, dots, limits, and how many rpcs a call costs."""

import errno
import os
import stat

import pytest

from labelproof.v1 import mds_pb2

DIR = stat.S_IFDIR | 0o777
LINK = stat.S_IFLNK | 0o777


def failed(client, name, /, **args) -> int:
    with pytest.raises(OSError) as caught:
        client(name, **args)
    return caught.value.errno


def test_a_create_a_stat_and_an_open_cost_one_rpc_each_in_the_root(client, world):
    client("stat", path="/")
    world.calls.clear()

    client("open", path="/f", flags=os.O_CREAT | os.O_WRONLY)
    client("stat", path="/f")
    client("open", path="/f")
    client("mkdir", path="/d")

    assert world.calls == ["Open", "Getattr", "Open", "Mkdir"]


def test_each_component_on_the_way_costs_one_lookup(client, world):
    world.make("/a", DIR)
    world.make("/a/b", DIR)
    world.make("/a/b/f")

    client("stat", path="//a/./b//f")

    assert world.calls == ["GetRoot", "Lookup", "Lookup", "Getattr"]


def test_names_are_bytes_whatever_they_hold(client, world):
    client("open", path=b"/\xff\xfe", flags=os.O_CREAT)

    names = [e["name"] for e in client("readdir", path="/")]

    assert list(world.root.names) == [b"\xff\xfe"]
    assert names == [b"\xff\xfe"]


def test_dotdot_goes_back_the_way_that_was_walked_and_stays_at_the_root(client, world):
    world.make("/a", DIR)
    inside = world.make("/a/b", DIR)
    world.make("/a/l", LINK, "b")

    assert client("stat", path="/a/b/..")["fid"] == client("stat", path="/a")["fid"]
    assert client("stat", path="/../../a/b/.")["fid"].endswith(f"{inside.fid.oid:#x}:0x0]")
    assert client("stat", path="/a/l/../b")["fid"] == client("stat", path="/a/b")["fid"]
    assert client("stat", path="/..")["fid"] == client("stat", path="/")["fid"]


@pytest.mark.parametrize("target", ["a/b", "/a/b", "./a//b", "../a/b"])
def test_links_on_the_way_and_at_the_end_are_followed(client, world, target):
    world.make("/a", DIR)
    world.make("/a/b", DIR)
    world.make("/a/b/f")
    world.make("/l", LINK, target)
    world.make("/m", LINK, "l/f")

    assert client("stat", path="/l/f") == client("stat", path="/a/b/f")
    assert client("stat", path="/m") == client("stat", path="/a/b/f")
    assert client("open", path="/m")["fid"] == client("stat", path="/a/b/f")["fid"]


def test_what_a_link_says_is_walked_anew(client, world):
    """`..` costs search in the directory of the link once more, as link_path_walk begins again there."""
    world.make("/d", DIR)
    world.make("/d/l", LINK, "../f")
    world.make("/f")
    client("stat", path="/")
    world.calls.clear()

    client("stat", path="/d/l")

    assert world.calls == ["Lookup", "Getattr", "Readlink", "Lookup", "Getattr"]


def test_an_absolute_target_begins_at_the_root_again(client, world):
    world.make("/a", DIR)
    world.make("/b", DIR)
    world.make("/a/l", LINK, "/b")

    assert client("stat", path="/a/l/../b")["fid"] == client("stat", path="/b")["fid"]


def test_a_slash_behind_a_link_asks_for_a_directory_at_its_end(client, world):
    world.make("/f")
    world.make("/d", DIR)
    world.make("/l", LINK, "f")
    world.make("/m", LINK, "d")

    assert failed(client, "stat", path="/l/") == errno.ENOTDIR
    assert client("lstat", path="/m/")["fid"] == client("stat", path="/d")["fid"]


def test_a_link_is_not_followed_where_the_call_is_about_the_link(client, world):
    world.make("/f")
    world.make("/l", LINK, "f")

    assert stat.S_ISLNK(client("lstat", path="/l")["mode"])
    assert client("readlink", path="/l") == b"f"
    assert failed(client, "open", path="/l", flags=os.O_NOFOLLOW) == errno.ELOOP
    client("unlink", path="/l")
    assert list(world.root.names) == [b"f"]


def test_open_creates_what_a_dangling_link_names(client, world):
    world.make("/d", DIR)
    world.make("/l", LINK, "d/new")

    made = client("open", path="/l", flags=os.O_CREAT | os.O_WRONLY)

    assert made["created"]
    assert list(world.root.names[b"d"].names) == [b"new"]


def test_an_open_of_a_directory_follows_a_link_that_the_server_calls_no_directory(client, world):
    world.make("/d", DIR)
    world.make("/l", LINK, "d")

    opened = client("open", path="/l", flags=os.O_DIRECTORY)

    assert opened["fid"] == client("stat", path="/d")["fid"]


def test_a_file_that_is_no_directory_stays_the_servers_refusal(client, world):
    world.make("/f")

    assert failed(client, "open", path="/f", flags=os.O_DIRECTORY) == errno.ENOTDIR


def test_a_change_never_hits_the_link_in_place_of_its_target(client, world):
    target = world.make("/f")
    link = world.make("/l", LINK, "f")

    client("chmod", path="/l", mode=0o600)
    client("setxattr", path="/l", name="user.k", value=b"v")

    assert stat.S_IMODE(target.mode) == 0o600
    assert target.xattrs["user.k"] == b"v"
    assert (stat.S_IMODE(link.mode), "user.k" in link.xattrs) == (0o777, False)


@pytest.mark.parametrize(("call", "asked"), [("stat", [True, True]), ("lstat", [False])])
def test_stat_through_a_link_needs_no_getattr_of_the_link(client, world, call, asked):
    world.make("/f")
    world.make("/l", LINK, "f")
    world.requests.clear()

    found = client(call, path="/l")

    assert stat.S_ISREG(found["mode"]) == (call == "stat")
    assert [request.follow for request in world.requests if isinstance(request, mds_pb2.GetattrRequest)] == asked


@pytest.mark.parametrize(("links", "expected"), [(40, 0), (41, errno.ELOOP)])
def test_forty_links_are_followed_and_no_more(client, world, links, expected):
    world.make("/l0")
    for n in range(1, links + 1):
        world.make(f"/l{n}", LINK, f"l{n - 1}")

    assert client.reply("stat", path=f"/l{links}").errno == expected
    assert client.reply("open", path=f"/l{links}").errno == expected


def test_a_link_to_itself_ends_in_eloop(client, world):
    world.make("/l", LINK, "l/x")

    assert failed(client, "stat", path="/l/y") == errno.ELOOP


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("", errno.ENOENT),
        ("/missing/f", errno.ENOENT),
        ("/f/x", errno.ENOTDIR),
        ("/f/", errno.ENOTDIR),
        ("/f/..", errno.ENOTDIR),
        ("/" + "n" * 256, errno.ENAMETOOLONG),
        ("/" + "n" * 256 + "/f", errno.ENAMETOOLONG),
        ("/" + "d/" * 2048, errno.ENAMETOOLONG),
        ("/a\0b", errno.EINVAL),
    ],
)
def test_paths_that_lead_nowhere(client, world, path, number):
    world.make("/f")

    assert failed(client, "stat", path=path) == number
    assert failed(client, "open", path=path) == number
    assert failed(client, "truncate", path=path, length=0) == number


def test_statfs_walks_its_path_though_every_one_is_on_the_mount(client, world):
    world.make("/f")

    client("statfs", path="/f")

    assert client("statfs", path="/") == client("statfs")
    assert [client.reply("statfs", path=path).errno for path in ("/gone", "/f/n", "")] == [
        errno.ENOENT, errno.ENOTDIR, errno.ENOENT
    ]  # fmt: skip


def test_the_longest_name_and_path_are_walked(client, world):
    world.make("/" + "n" * 255)
    path = "/" + "./" * 1919 + "/" + "n" * 255

    assert len(path) == 4095
    assert client("stat", path="/" + "n" * 255) == client("stat", path=path)


@pytest.mark.parametrize(
    ("call", "args", "number"),
    [
        ("mkdir", {"path": "/"}, errno.EEXIST),
        ("mkdir", {"path": "/d/."}, errno.EEXIST),
        ("unlink", {"path": "/d/.."}, errno.EISDIR),
        ("unlink", {"path": "/f/"}, errno.ENOTDIR),
        ("unlink", {"path": "/d/"}, errno.EISDIR),
        ("rmdir", {"path": "/d/."}, errno.EINVAL),
        ("rmdir", {"path": "/d/.."}, errno.ENOTEMPTY),
        ("rmdir", {"path": "/"}, errno.EBUSY),
        ("rename", {"source": "/d/.", "target": "/e"}, errno.EBUSY),
        ("rename", {"source": "/f", "target": "/e/"}, errno.ENOTDIR),
        ("mknod", {"path": "/new/"}, errno.ENOENT),
        ("open", {"path": "/d/", "flags": os.O_CREAT}, errno.EISDIR),
        ("symlink", {"target": "", "path": "/l"}, errno.ENOENT),
    ],
)
def test_dots_and_slashes_at_the_end_are_refused_as_the_kernel_does(client, world, call, args, number):
    world.make("/d", DIR)
    world.make("/f")

    assert failed(client, call, **args) == number
    assert sorted(world.root.names) == [b"d", b"f"]


@pytest.mark.parametrize(
    ("source", "target", "first", "lookups"),
    [
        ("/d/f", "/e/sub/new", ["d"], 3),
        ("/d/f", "/l/new", ["d"], 4),
        ("/d/f", "/d/sub/new", ["d"], 3),
        ("/d/./f", "/e/new", ["d"], 2),
        ("/f", "/e/new", [""], 1),
        ("/d/f", "/new", [], 1),
    ],
)
def test_the_second_paths_first_lookup_brings_where_the_first_path_ends(client, world, source, target, first, lookups):
    """Search is asked there in the kernel's order; it costs no rpc."""
    dirs = {world.make(path, DIR).fid.oid: path[1:] for path in ("/d", "/d/sub", "/e", "/e/sub")}
    dirs[world.root.fid.oid] = ""
    world.make("/l", LINK, "e/sub")
    for path in ("/f", "/d/f"):
        world.make(path)
    client("stat", path="/")
    world.calls.clear()
    world.requests.clear()

    client.reply("rename", source=source, target=target)

    brought = [each for each in world.requests if getattr(each, "first_ticket", b"")]
    assert [dirs[each.first.oid] for each in brought] == first
    assert world.calls.count("Lookup") == lookups


@pytest.mark.parametrize("target", ["/missing/new", "/f/new", "", "/" + "n" * 4095])
def test_where_the_second_path_is_wrong_search_of_the_first_is_asked_once_before(client, world, target):
    """The kernel walks the first path whole before it looks at the second (fs/namei.c, do_renameat2)."""
    world.make("/d", DIR)
    world.make("/d/f")
    world.make("/f")
    client("stat", path="/")
    world.requests.clear()

    assert failed(client, "rename", source="/d/f", target=target)

    # d itself, then, with the next Lookup or by one of its own, search in it; and nothing of it any more.
    assert len(world.requests) == 2
    second = world.requests[1]
    assert second.HasField("first") or second.name.name == b"."


def test_after_a_policy_change_the_path_is_walked_once_more(client, world):
    world.make("/d", DIR)
    client("stat", path="/d")
    world.seqno = 2
    world.calls.clear()

    client("mkdir", path="/d/x")

    assert world.calls == ["Lookup", "GetRoot", "Lookup", "Mkdir"]


def test_a_walk_that_stays_stale_is_not_repeated_for_ever(client, world):
    world.refuse["Mds/GetRoot"] = [OSError(errno.ESTALE, "moved") for _ in range(9)]

    assert failed(client, "stat", path="/") == errno.ESTALE
    assert world.calls == ["GetRoot", "GetRoot"]


def test_what_may_have_happened_is_not_walked_to_again(client, world):
    stale = OSError(errno.ESTALE, "perhaps")
    stale.definite = False
    world.refuse["Mds/Mkdir"] = [stale]

    assert failed(client, "mkdir", path="/d") == errno.ESTALE
    assert world.calls == ["GetRoot", "Mkdir"]


def test_a_stale_handle_is_not_used_twice(client, world):
    world.make("/f")
    fd = client("open", path="/f", flags=os.O_WRONLY)["fd"]
    world.refuse["Oss/Write"] = [OSError(errno.ESTALE, "gone")]
    world.calls.clear()

    assert failed(client, "write", fd=fd, data=b"x") == errno.ESTALE
    assert world.calls == ["Write"]


def test_a_subject_begins_with_a_root_ticket_of_its_own(client, world):
    client("stat", path="/")
    client.login("other", "someone")
    world.calls.clear()

    client("stat", path="/", task="other")
    client("setfscreate", context="label")
    client("stat", path="/")

    assert world.calls == ["GetRoot", "Getattr", "GetRoot", "Getattr"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/d/f", ["Lookup"]),
        ("/./d/./f", ["Lookup"]),
        ("/d/.", ["Lookup", "Lookup"]),
        ("/d/..", ["Lookup", "Lookup"]),
        ("/d/../d/../f", ["Lookup", "Lookup", "Lookup"]),
        ("/..", ["Lookup"]),
        ("/", []),
    ],
)
def test_dots_cost_search_in_the_directory_where_they_stand(client, world, path, asked):
    """may_lookup asks for every component; a directory that was searched on this walk is not asked again."""
    world.make("/d", DIR)
    world.make("/d/f")
    world.make("/f")
    client("stat", path="/")
    world.calls.clear()

    client("lstat", path=path)

    assert world.calls == [*asked, "Getattr"]


def test_access_follows_a_link_unless_told_not_to(client, world):
    world.make("/f")
    world.make("/l", LINK, "f")
    world.calls.clear()

    client("access", path="/l", mode=4)
    client("access", path="/l", mode=4, flags=0x100)

    assert world.calls == ["GetRoot", "Lookup", "Readlink", "Lookup", "Access", "Access"]
    assert failed(client, "access", path="/f", mode=8) == errno.EINVAL
