"""A choice of cases that tools/kernel-oracle had a kernel run, of each kind of answer one: docs/oracle.md."""

import json
import shutil

import pytest

from harness.results import Exit
from tests.harness.oracle.conftest import CASES

KERNEL = CASES.parent / "kernel"


@pytest.mark.parametrize(
    ("result", "begin"), [*(("ext4-enforcing", n) for n in range(0, 300, 50)), ("ext4-permissive", 0)]
)
def test_the_cluster_agrees_with_the_kernel(oracle, tmp_path, result, begin) -> None:
    """Errno, values, labels and ordered checks of every step, and nothing skipped that the kernel did."""
    folder = shutil.copytree(KERNEL, tmp_path / "kernel")
    for policy in CASES.glob("*.cil"):
        shutil.copy(policy, folder)
    done = [item["id"] for item in json.loads((folder / f"{result}.json").read_text())["results"]]
    (tmp_path / "families.json").write_text(json.dumps({"these": done[begin : begin + 50]}))

    code, out, err = oracle(folder, "--result", result, "--families", tmp_path / "families.json", "--json")
    found = json.loads(out)

    assert (code, err, found["different"]) == (Exit.PASSED, "", [])
    assert (found["cases"], found["compared"], found["skipped"]) == (50, 50, [])
