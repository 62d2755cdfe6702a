"""One seed, one history."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from harness import profile
from harness.clusters import RUNTIMES
from harness.policy import Policy
from harness.spec import ClusterSpec

folder, seed, cache = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
people = profile.of("targeted")
spec = ClusterSpec(policy=Policy.own("targeted", cache=cache), root_context=people.root, seed=seed)
cluster = RUNTIMES["sim"]().start(spec, folder)
admin = cluster.client().login(people.admin, uid=0, caps="all")
admin.mkdir("/d")
admin.setxattr("/d", "security.selinux", people.directories["transition"].encode())
admin.chmod("/d", 0o777)
tasks = [cluster.client(name).login(people.user) for name in ("client0", "client1")]

async def work(task, number):
    for step in range(4):
        found = await task.acall("open", path=f"/d/{number}.{step}", flags=os.O_CREAT | os.O_RDWR, mode=0o644)
        await task.acall("write", fd=found["fd"], data=bytes(100_000))
        await task.acall("close", fd=found["fd"])
        await task.acall("readdir", path="/d", plus=True)

async def all_at_once():
    await asyncio.gather(*(work(task, number) for number, task in enumerate(tasks)))

cluster.run(all_at_once())
try:
    tasks[0].setxattr("/d/0.0", "security.selinux", people.directories["denied"].encode())
except PermissionError:
    pass  # and audited
cluster.set_booleans({"user_write_shared": False}, by=people.admin)
cluster.collect()
cluster.stop()
"""


def run(folder: Path, seed: int, hash_seed: int, cache: Path) -> dict[str, bytes]:
    """The history files of one run in a process of its own, with the merged audit log."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(seed), str(cache)]
    subprocess.run(command, env={"PYTHONHASHSEED": str(hash_seed)}, check=True, timeout=60)
    return {path.name: path.read_bytes() for path in [*(folder / "history").iterdir(), folder / "audit.log"]}


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    """Two processes with different hash seeds write the same bytes into every file."""
    first = run(tmp_path / "a", 1, 11, tmp_path)
    second = run(tmp_path / "b", 1, 22, tmp_path)

    assert len(first) == 7
    assert all(first.values())
    assert {name for name in first if first[name] != second[name]} == set()


def test_another_seed_gives_another_history(tmp_path: Path) -> None:
    """Delays, and with them the order of two clients, are the seed's."""
    first = run(tmp_path / "a", 1, 11, tmp_path)
    second = run(tmp_path / "b", 2, 11, tmp_path)

    assert first["mds0.jsonl"] != second["mds0.jsonl"]
