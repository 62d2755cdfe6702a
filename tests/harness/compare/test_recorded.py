"""Histories are read quickly, and what is read is what stands in them, in whatever form their lines are."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from harness import history
from harness.compare import normal, recorded
from harness.store import Run


def rewritten(run: Run, folder: Path, **form: object) -> Run:
    """A copy of the run, each line of its history written anew."""
    copy = Run(shutil.copytree(run.path, folder))
    for path in (copy.path / "history").glob("*.jsonl"):
        events = history.read_file(path).events
        path.write_text("".join(json.dumps(event, **form) + "\n" for event in events))  # type: ignore[arg-type]
    return copy


def lines(run: Run) -> list[str]:
    behaviour = normal.of_run(run)
    return [json.dumps([test, operation]) for test in behaviour.tests for operation in map(str, behaviour.tests[test])]


def test_the_form_of_the_lines_does_not_matter(plain: Run, tmp_path: Path) -> None:
    """With blanks, or with its fields in another order, each line is parsed as a whole: the behaviour is the same."""
    blanks = rewritten(plain, tmp_path / "blanks")
    ordered = rewritten(plain, tmp_path / "ordered", separators=(",", ":"), sort_keys=True)

    assert lines(plain) == lines(blanks) == lines(ordered)


def test_decisions_that_repeat_are_kept_once(plain: Run) -> None:
    """What an operation has are places of decisions, of which each different one is there once."""
    read = recorded.read(plain.path / "history")
    places = [place for found in read.avcs.values() for place in found]

    assert len(places) > len(set(places)) == len(read.decisions)


def test_a_diff_loads_neither_grpc_nor_pytest() -> None:
    """Importing them takes as long as reading twenty thousand decisions."""
    code = "import sys, harness.cli.diff; print(sorted({'grpc', 'pytest', 'jinja2', 'google'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
