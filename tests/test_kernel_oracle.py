"""tools/kernel-oracle with a stand-in for the kernel: what it gives the kernel, and what becomes of the result.

The real kernel and the runner are nobody's to install for a test; docs/oracle.md says what was made with them.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "kernel-oracle"
CASES = Path(__file__).parent / "harness" / "oracle" / "cases"
KERNEL = """#!/bin/sh
for word; do case $word in init=*) init=${word#init=} ;; ubdb=*) disk=${word#ubdb=} ;; esac; done
out=$(dirname "$init"); cp "$init" "$out/policy" "$out/cases.json" "$SEEN"; ls -s "$disk" >"$SEEN/disk"
[ -e "$SEEN/refuses" ] || echo '{"results": []}' >"$out/$(grep -o 'ext4-[a-z]*' "$init").json"
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A folder of cases, and a kernel that writes down what it was given."""
    folder, seen, kernel = tmp_path / "cases", tmp_path / "seen", tmp_path / "linux.uml"
    shutil.copytree(CASES, folder, ignore=shutil.ignore_patterns("ext4-*"))
    seen.mkdir()
    kernel.write_text(KERNEL)
    kernel.chmod(0o755)
    (tmp_path / "oracle.py").touch()
    monkeypatch.setenv("SEEN", str(seen))

    def run(*more: str, kernel: Path = kernel) -> subprocess.CompletedProcess[str]:
        words = [folder, "--runner", tmp_path / "oracle.py", "--kernel", kernel, *more]
        return subprocess.run(
            [sys.executable, "-P", SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
        )

    return SimpleNamespace(run=run, folder=folder, seen=seen)


pytestmark = pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs mkfs.ext4 (package e2fsprogs)")


@pytest.mark.parametrize(("more", "result"), [((), "ext4-enforcing"), (("--permissive",), "ext4-permissive")])
def test_the_kernel_gets_policy_disk_and_cases_and_its_result_is_kept(lab, more, result) -> None:
    done = lab.run(*more)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((lab.folder / f"{result}.json").read_text()) == {"results": []}
    assert (lab.seen / "policy").read_bytes()[:4] == b"\x8c\xff\x7c\xf9"
    assert int((lab.seen / "disk").read_text().split()[0]) > 0
    assert (lab.seen / "cases.json").read_bytes() == (lab.folder / "cases.json").read_bytes()
    assert ("--permissive" in (lab.seen / "init").read_text()) == bool(more)


def test_what_it_keeps_meanwhile_has_an_owner(lab) -> None:
    """So that `labelproof prune` finds it, should this be killed."""
    lab.run()

    assert re.search(r"cases (/\S+)/cases\.json", (lab.seen / "init").read_text())[1].startswith(
        f"{tempfile.gettempdir()}/labelproof-kernel."
    )


def test_what_is_missing_is_named(lab) -> None:
    done = lab.run(kernel=lab.folder / "no-kernel")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no-kernel is not there" in done.stderr


def test_a_run_without_a_result_says_so(lab) -> None:
    (lab.seen / "refuses").touch()

    assert "left no result" in lab.run().stderr
    assert not (lab.folder / "ext4-enforcing.json").exists()
