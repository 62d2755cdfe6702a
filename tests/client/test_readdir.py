"""Directories of a client: positions in them, and reading on from one."""

import errno
import os
import stat

import pytest


@pytest.fixture
def folder(client, world) -> int:
    world.make("/d", stat.S_IFDIR | 0o777)
    for name in "abcdef":
        world.make(f"/d/{name}")
    return int(client("open", path="/d", flags=os.O_RDONLY | os.O_DIRECTORY)["fd"])


def names(client, fd: int, count: int = 99) -> str:
    return "".join(entry["name"] for entry in client("getdents", fd=fd, count=count))


def test_a_directory_is_read_on_from_where_it_was_read_to(client, folder):
    """Some at a time, by any of its descriptors; none at its end, and all again from its beginning."""
    other = client("dup", fd=folder)

    assert [names(client, fd, 1) for fd in (folder, other, folder)] == ["a", "b", "c"]
    while names(client, folder):
        pass
    assert names(client, other) == ""
    client("lseek", fd=folder, offset=0)
    assert names(client, folder, 2) == "ab"


def test_a_place_that_was_told_can_be_gone_back_to(client, folder):
    """telldir and seekdir: behind the entry that was read last, as each entry says of itself."""
    first = client("getdents", fd=folder, count=2)
    told = client("lseek", fd=folder, offset=0, whence=os.SEEK_CUR)
    assert told == first[-1]["offset"]
    assert names(client, folder, 1) == "c"

    client("lseek", fd=folder, offset=told)

    assert names(client, folder, 1) == "c"
    client("lseek", fd=folder, offset=first[0]["offset"])
    assert names(client, folder, 1) == "b"


def test_reading_all_of_an_open_directory_ends_at_its_end(client, folder):
    names(client, folder, 2)

    assert [entry["name"] for entry in client("readdir", fd=folder)] == [*"abcdef"]
    assert names(client, folder) == ""


def test_places_that_are_none(client, folder):
    """EINVAL before the beginning and behind the end, from where there is nothing more; no room, and no directory."""
    end = client("lseek", fd=folder, offset=0, whence=os.SEEK_END)

    for args in ({"offset": -1}, {"offset": 1, "whence": os.SEEK_END}, {"offset": 0, "whence": 9}):
        assert client.reply("lseek", fd=folder, **args).errno == errno.EINVAL
    assert client("lseek", fd=folder, offset=7, whence=os.SEEK_DATA) == 7
    assert client("lseek", fd=folder, offset=7, whence=os.SEEK_HOLE) == end
    assert client.reply("lseek", fd=folder, offset=-1, whence=os.SEEK_DATA).errno == errno.ENXIO
    assert client.reply("getdents", fd=folder, count=0).errno == errno.EINVAL
    plain = client("open", path="/d/a")["fd"]
    assert client.reply("getdents", fd=plain).errno == errno.ENOTDIR
