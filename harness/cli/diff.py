"""`labelproof diff`, and what `run` does with a baseline."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import bulk
from harness.cli import context
from harness.cli.context import Shared
from harness.compare import baseline, load, normal, render
from harness.compare import diff as comparing
from harness.compare.baseline import Baseline
from harness.compare.diff import Diff
from harness.results import Exit

if TYPE_CHECKING:  # the runner brings gRPC with it, which takes longer than a diff
    from harness.runner import RunResult

_EPILOG = """\b
Examples:
  labelproof diff 3fa2c1 latest                 two recorded runs, by the ends of their ids
  labelproof diff tests/labels.baseline latest  a run against a baseline
  labelproof diff old/ new/ --html diff.html    folders copied from elsewhere; one page to mail
  labelproof diff A B --json | jq '.differences[] | select(.kind == "allow").sentence'

Baselines are written by `labelproof run --save-baseline FILE`; docs/baselines.md tells of KNOWN entries.
"""


@click.command(epilog=_EPILOG)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--common", is_flag=True, help="Only tests that both have: one side is a run of some of them.")
@click.option("--all", "everything", is_flag=True, help="Every difference, not one of each cause.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write one page.")
@click.option("--exit-zero", is_flag=True, help="Exit code 0 also where something is different.")
@context.JSON
@click.pass_obj
def diff(
    shared: Shared, before: str, after: str, common: bool, everything: bool, html: Path | None, exit_zero: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """What B does otherwise than A: decisions, labels, errnos, hooks, rpcs.

    A and B are runs (`latest`, an id or its end, a folder) or baseline files. New allows come first, then new denies,
    changed labels, changed errnos, moved hooks, changed rpc counts. FIDs, times and ids are no differences, nor is the
    runtime. Exit code 0: none but KNOWN ones; 1: different, or a KNOWN entry has expired; 2: unreadable.
    """
    with bulk.no_collector():
        was, now = load.two(before, after, shared.home)
        found = comparing.compare(was.behaviour, now.behaviour, (*was.known, *now.known), today=today(), common=common)
        if html is not None:
            _write(html, render.page(found))
        if as_json:
            context.print_json(render.to_json(found))
        else:
            say(found, everything=everything)
    return Exit.PASSED if found.same or exit_zero else Exit.FAILED


def say(found: Diff, *, everything: bool = False) -> None:
    """The diff as text."""
    console = context.console()
    for line in render.text(found, everything=everything):
        console.print(line, markup=False, soft_wrap=True)


class Baselines:
    """What `run` compares with and writes; both files are looked at before the run, which takes longer than they do."""

    def __init__(self, expected: Path | None, saved: Path | None, *, common: bool) -> None:
        """`common`: only some tests run. Raises OSError and ValueError for a file that cannot be read or written."""
        self._expected = baseline.read(expected) if expected else None
        self._saved = saved
        self._common = common
        self._known = baseline.read(saved).known if saved and saved.is_file() else ()
        if saved is not None:
            baseline.refuse_workers()
            if not saved.parent.is_dir():
                raise FileNotFoundError(2, "no such folder to write the baseline to", str(saved.parent))

    def compare(self, result: RunResult) -> Diff | None:
        """What the run did otherwise than the baseline; its page is put into the run's folder. None: no baseline."""
        if self._expected is None or not result.run.parts():
            return None
        with bulk.no_collector():
            done = normal.of_run(result.run)
            common = self._common or result.results.interrupted
            known = self._expected.known
            found = comparing.compare(self._expected.behaviour, done, known, today=today(), common=common)
        _write(result.run.path / "diff.html", render.page(found))
        return found

    def save(self, result: RunResult) -> list[str]:
        """Writes the run as a baseline, with the KNOWN entries of the one it replaces; what to tell of it."""
        if self._saved is None:
            return []
        if result.results.verdict == "inconclusive":
            return [f"no baseline was written: the run is inconclusive ({result.results.reason})"]
        baseline.write(self._saved, Baseline(normal.of_run(result.run), self._known))
        doubt = "; it FAILED: what is wrong in it is expected from now on" if result.results.verdict == "fail" else ""
        return [f"baseline {self._saved}{doubt}"]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def today() -> date:
    """Expiry is by the day in UTC, the same in every CI."""
    return datetime.now(UTC).date()
