"""tools/kernel-cases: the same cases for one seed, such as the command takes, with every step that concerns files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.oracle import folder, grammar

SCRIPT = Path(__file__).parents[1] / "tools" / "kernel-cases"
CASES = Path(__file__).parent / "harness" / "oracle" / "cases"


def draw(path: Path, seed: int, count: int) -> Path:
    for policy in CASES.glob("*.cil"):
        shutil.copy(policy, path)
    words = [sys.executable, "-P", SCRIPT, path, "--seed", str(seed), "--count", str(count)]
    subprocess.run(list(map(str, words)), check=True, timeout=120)
    return path / "cases.json"


def test_one_seed_always_draws_the_same(tmp_path) -> None:
    first = draw(tmp_path, 1, 20).read_bytes()

    assert draw(tmp_path, 1, 20).read_bytes() == first
    assert draw(tmp_path, 2, 20).read_bytes() != first


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn"), 3, 600)


def test_every_step_that_concerns_files_is_drawn(drawn) -> None:
    """And is such as the command takes: `poke` is left out, as it may end the process that does it."""
    ops = {step["op"] for case in folder.cases(drawn.parent) for step in case.steps}

    assert grammar.OPS.keys() - ops == {"poke"}
    assert ops - grammar.OPS.keys() <= {"relabel", "setbool", "label"}


def test_nothing_waits_for_the_other_end_of_a_fifo(drawn) -> None:
    """Where one may stand, every open says O_NONBLOCK, or gives no access at all."""
    cases = json.loads(drawn.read_text())
    piped = [
        case for case in cases if any("fifo" in (it.get("t"), it.get("kind")) for it in case["setup"] + case["steps"])
    ]
    opens = [step for case in piped for step in case["steps"] if step["op"] in ("open", "reopen")]

    assert len(piped) > 20
    assert all("O_NONBLOCK" in step["flags"] for step in opens)
    assert not any(step["op"] == "cat" for case in piped for step in case["steps"])
