"""What a client does: a mix of operations in directories of two labels, with pauses; some are denied by the policy."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness import profile
from harness.clusters.cluster import Cluster
from harness.tasks import Task

POLICY = "targeted"
WHO = profile.of(POLICY)
LABEL = "security.selinux"
FILE_BYTES = 4096
FILES = 8

# The shared directories, by the part that their label plays, and the file there that the user may not read.
_SHARED = {"inherit": "/scale-inherit", "transition": "/scale-transition"}
_SECRET = "/scale-inherit/secret"  # noqa: S105  # a file's name


@dataclass(slots=True)
class Client:
    """One client's task, and the generator that its choices come from."""

    task: Task
    rng: random.Random
    made: int = 0

    def shared(self) -> str:
        """A file that every client reads."""
        return f"{self.rng.choice(list(_SHARED.values()))}/file-{self.rng.randrange(FILES)}"

    def own(self) -> str:
        """The name of a file that nobody has made yet."""
        self.made += 1
        return f"{self.rng.choice(list(_SHARED.values()))}/{self.task.client}-{self.made}"


async def _stat(client: Client) -> None:
    await client.task.acall("stat", path=client.shared())


async def _read(client: Client) -> None:
    opened = await client.task.acall("open", path=client.shared(), flags=os.O_RDONLY)
    await client.task.acall("pread", fd=opened["fd"], length=FILE_BYTES, offset=0)
    await client.task.acall("close", fd=opened["fd"])


async def _create(client: Client) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    opened = await client.task.acall("open", path=client.own(), flags=flags, mode=0o644)
    await client.task.acall("pwrite", fd=opened["fd"], data=bytes(FILE_BYTES), offset=0)
    await client.task.acall("close", fd=opened["fd"])


async def _refused(client: Client) -> None:
    try:
        await client.task.acall("open", path=_SECRET, flags=os.O_RDONLY)
    except PermissionError:
        return
    raise AssertionError(f"{_SECRET} was opened by {client.task.context}, which the policy denies")


# Of a hundred: interactive use, reads before writes.
MIX: tuple[tuple[str, int, Callable[[Client], Awaitable[None]]], ...] = (
    ("stat", 50, _stat),
    ("open, read 4 KiB, close", 30, _read),
    ("create, write 4 KiB, close", 15, _create),
    ("open, denied", 5, _refused),
)


def generator(seed: int, name: str) -> random.Random:
    """The choices of the client `name`, the same for the same seed."""
    return random.Random(f"{seed}:{name}")  # noqa: S311  # repeats by design


def choose(rng: random.Random) -> tuple[str, Callable[[Client], Awaitable[None]]]:
    """A kind of operation, drawn from MIX."""
    ((name, _, act),) = rng.choices(MIX, [weight for _, weight, _ in MIX])
    return name, act


def prepare(cluster: Cluster) -> None:
    """The shared directories with their labels, and the files in them."""
    admin = cluster.client().login(WHO.admin, uid=0, gid=0, caps="all", umask=0, comm="admin")
    user = cluster.client().login(WHO.user, umask=0)
    for place, directory in _SHARED.items():
        admin.mkdir(directory, 0o777)
        admin.setxattr(directory, LABEL, WHO.directories[place].encode())
        for number in range(FILES):
            fd = user.open(f"{directory}/file-{number}", os.O_WRONLY | os.O_CREAT, 0o644)
            user.write(fd, bytes(FILE_BYTES))
            user.close(fd)
    user.close(user.open(_SECRET, os.O_WRONLY | os.O_CREAT, 0o644))
    admin.setxattr(_SECRET, LABEL, WHO.directories["denied"].encode())
    user.logout()
    admin.logout()
