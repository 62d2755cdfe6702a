"""Names: what the operations on directories do, refuse and label."""

import asyncio
import errno
import os

import pytest

from labelproof.v1 import mds_pb2

XATTR = "security.selinux"


def failed(excinfo: pytest.ExceptionInfo[OSError]) -> int:
    return excinfo.value.errno


def label(entry) -> str:
    return {each.name: each.value.decode() for each in entry.labels}[XATTR]


def test_a_directory_is_made_with_the_label_of_the_policy(run):
    """mkdir in root_t gives a user's directory the type of the transition, and says so in the history."""

    async def scenario(world):
        user = world.user()
        made = await user.mkdir("/d", 0o755)

        entry = made.attr.entry
        assert label(entry) == "user_u:object_r:home_t:s0"
        assert (entry.mode, entry.uid, made.attr.nlink) == (0o40755, 1000, 2)
        assert (await user.stat("/")).nlink == 3
        event = world.events("mds0", "label")[-1]
        assert (event["new"], event["why"], event["as"], event["old"]) == (label(entry), "transition", "d", None)
        assert event["transno"] == made.receipt.transno == made.receipt.last_committed

    run(scenario)
