"""Opens of a fifo that wait for one another: what became of each after every step, on a cluster and on this kernel."""

import asyncio
import errno
import os
import stat
import threading
from pathlib import Path

import pytest

FLAGS = {
    "r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "r-": os.O_RDONLY | os.O_NONBLOCK,
    "w-": os.O_WRONLY | os.O_NONBLOCK, "rw-": os.O_RDWR | os.O_NONBLOCK,
}  # fmt: skip
# Each word is an open, or `N.` the close of what the Nth of them gave.
SCRIPTS = (
    "r w", "w r", "r r w", "w w r", "r rw", "w rw", "r r- w", "w r-", "r w- r", "r- w", "r- r w", "w- r w", "rw r w",
    "r w 2. r w", "r w 1. w r", "w r 2. w- r", "r- 1. w r", "rw 1. r w", "rw- w 1. r", "r w 1. 2. r w", "w w r 3. w",
    "r w- 2. r w", "r r r rw 4. w",
)  # fmt: skip
WAITS, GONE = "waits", "closed"


class Local:
    """A fifo of this kernel's, each open by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        os.mkfifo(path)
        self._threads: list[threading.Thread] = []
        self._found: dict[int, int | str] = {}

    def open(self, flags: int) -> None:
        number = len(self._threads)
        self._threads.append(threading.Thread(target=self._opened, args=(number, flags), daemon=True))
        self._threads[-1].start()

    def close(self, number: int) -> None:
        os.close(int(self._found[number]))
        self._found[number] = GONE

    def seen(self) -> list[str]:
        """Once each of them is done, or waits as the kernel says; the last one first, as it is what wakes others."""
        numbers = range(len(self._threads))
        return [self._seen(number, self._threads[number]) for number in reversed(numbers)][::-1]

    def end(self) -> None:
        """Both ends wake whoever waits."""
        self.open(os.O_RDWR)
        for thread in self._threads:
            thread.join()
        for fd in self._found.values():
            if isinstance(fd, int):
                os.close(fd)

    def _opened(self, number: int, flags: int) -> None:
        try:
            self._found[number] = os.open(self._path, flags)
        except OSError as error:
            self._found[number] = errno.errorcode[error.errno or 0]

    def _seen(self, number: int, thread: threading.Thread) -> str:
        while thread.is_alive():
            try:
                if _waits(thread):
                    return WAITS
            except OSError:  # it has ended meanwhile
                thread.join()
        return _told(self._found[number])


class Remote:
    """A fifo of the cluster's, each open by a task of its own on the same node."""

    def __init__(self, cluster, path: str) -> None:
        self._cluster, self._path = cluster, path
        self._login().mknod(path, stat.S_IFIFO | 0o666)
        self._tasks = []
        self._begun: list[asyncio.Task] = []
        self._closed: set[int] = set()

    def open(self, flags: int) -> None:
        self._tasks.append(self._login())
        work = self._tasks[-1].acall("open", path=self._path, flags=flags)
        self._begun.append(self._cluster.run(_begun(work)))

    def close(self, number: int) -> None:
        self._tasks[number].close(self._begun[number].result()["fd"])
        self._closed.add(number)

    def seen(self) -> list[str]:
        self._cluster.run(asyncio.sleep(1))
        return [GONE if n in self._closed else self._seen(begun) for n, begun in enumerate(self._begun)]

    def end(self) -> None:
        for task in self._tasks:
            task.logout()
        self.seen()

    def _login(self):
        return self._cluster.client().login(None, uid=0, gid=0, caps="all")

    def _seen(self, begun: asyncio.Task) -> str:
        if not begun.done():
            return WAITS
        error = begun.exception()
        return _told(errno.errorcode[error.errno] if isinstance(error, OSError) else begun.result()["fd"])


@pytest.fixture(scope="module", autouse=True)
def kernel(tmp_path_factory) -> None:
    """Skips where the kernel does not tell what a thread waits for."""
    local = Local(tmp_path_factory.mktemp("fifo") / "p")
    local.open(os.O_RDONLY)
    told = local._threads[0]
    try:
        if not any(_waits(told) for _ in range(100_000)):
            pytest.skip("this kernel does not tell what a thread waits for")
    finally:
        local.end()


@pytest.mark.parametrize("script", SCRIPTS)
def test_who_waits_for_whom(script, tmp_path, replica):
    """After each step the same opens wait, are done and are refused."""
    sides = Local(tmp_path / "p"), Remote(replica.cluster, f"/{tmp_path.name}")
    found = []
    for word in script.split():
        for side in sides:
            if word.endswith("."):
                side.close(int(word[:-1]) - 1)
            else:
                side.open(FLAGS[word])
        found.append([side.seen() for side in sides])
    for side in sides:
        side.end()

    assert [cluster for _, cluster in found] == [local for local, _ in found]


def test_some_wait(tmp_path):
    """That of the scripts would show nothing if nobody did."""
    local = Local(tmp_path / "p")
    local.open(os.O_RDONLY)

    assert local.seen() == [WAITS]
    local.end()


def _waits(thread: threading.Thread) -> bool:
    return Path(f"/proc/self/task/{thread.native_id}/wchan").read_text() == "wait_for_partner"


def _told(found: int | str) -> str:
    return found if isinstance(found, str) else "open"


async def _begun(work) -> asyncio.Task:
    return asyncio.create_task(work)
