"""Where DAC, structure and MAC compete: a table of pairs, each with the one of them that a kernel let win.

A case of `order` is a world in which things are forbidden, missing, or of the wrong kind: what its name says of the
directory and of the object in it. Each step is an operation there for which two reasons to refuse it compete, which
`between` names: DAC, MAC, or the errno of structure. By the rest of the matrix that they are chosen from, each of them
alone is enough. The results are those of tools/kernel-oracle (docs/oracle.md).
"""

import json
import shutil
from collections import defaultdict

import pytest

from harness.results import Exit
from tests.harness.oracle.conftest import CASES

ORDER = CASES.parent / "order"
WORLDS = json.loads((ORDER / "cases.json").read_text())
OPERATIONS = {
    "access", "chdir", "chmod", "chown", "create", "getxattr", "link", "listxattr", "mkdir", "mknod", "open", "readdir",
    "readlink", "removexattr", "rename", "rmdir", "setacl", "setlabel", "setxattr", "stat", "statfs", "symlink",
    "truncate", "unlink", "utime", "watch",
}  # fmt: skip


@pytest.fixture
def pairs() -> dict[str, set[str]]:
    """Operation -> the pairs that compete there."""
    found: dict[str, set[str]] = defaultdict(set)
    for world in WORLDS:
        for step in world["steps"]:
            found[step["op"]].add(step["between"])
    return found


def test_who_wins_here_wins_in_the_kernel(oracle, tmp_path) -> None:
    """Errno, and which checks were made in which order before it, of every pair; nothing is changed by any of them."""
    folder = shutil.copytree(ORDER, tmp_path / "order")
    for policy in CASES.glob("*.cil"):
        shutil.copy(policy, folder)

    code, out, err = oracle(folder, "--result", "ext4-enforcing", "--json")
    found = json.loads(out)

    assert (code, err, found["different"]) == (Exit.PASSED, "", [])
    assert (found["compared"], found["skipped"]) == (len(WORLDS), [])


def test_structure_competes_with_dac_and_with_mac(pairs) -> None:
    """Every operation with every structural error that it knows, against both; and DAC against MAC."""
    lacking = [
        (op, f"{who} {error}")
        for op, found in pairs.items()
        for error in {pair.split()[1] for pair in found} - {"DAC", "MAC"}
        for who in ("DAC", "MAC")
        if f"{who} {error}" not in found
    ]

    assert lacking == []
    assert [op for op, found in pairs.items() if "DAC MAC" not in found] == []
    errors = {error for found in pairs.values() for pair in found for error in pair.split()}
    assert errors >= {"ENOENT", "EEXIST", "ENOTDIR", "ENOTEMPTY", "ELOOP", "EISDIR"}
    assert pairs.keys() >= OPERATIONS


def test_every_pair_is_refused() -> None:
    """A world serves many steps because none of them changes it."""
    results = json.loads((ORDER / "ext4-enforcing.json").read_text())["results"]

    assert [result["id"] for result in results] == [world["id"] for world in WORLDS]
    assert all(step["errno"] for result in results for step in result["steps"])
