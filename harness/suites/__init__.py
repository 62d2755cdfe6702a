"""The suites: pytest modules that run against a labelled cluster, each by its name.

    create_labels   what label a new object gets, by whom, where and how it is made
    mediation       each declared permission denied singly, with its positive control
    lustre_selinux  what Lustre's own sanity-selinux.sh is after, without its blind spots
    lifecycle       a file from creation to end, with every server restarted between any two steps
    scenarios       the table of operations that mediation goes through
    partners        two tasks that open a fifo
    derive          the policy that mediation runs, with a subject for each permission that may lack
    ways            every way to make an object
    creating        what create_labels does with them
    kin             objects of other kinds that lifecycle takes along
    rpcs            which operation sends which rpc
    sites           what the suites share: directories, and what everybody sees of a label
    conftest        collects the suites, whose files are not named as pytest expects, from this folder
    pytest.ini      the settings of `labelproof run`, so that a project's own pytest settings play no part

`labelproof run` runs all of SUITES; `pytest harness/suites` and `pytest --pyargs harness.suites` do the same under
the caller's own pytest settings. A new suite is one file here and its name in SUITES.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# The longest tests come first: workers that share them are then done together.
SUITES = ("lifecycle", "create_labels", "mediation", "lustre_selinux")
FOLDER = Path(__file__).resolve().parent
INI = FOLDER / "pytest.ini"


@dataclass(frozen=True, slots=True)
class Target:
    """What pytest is told to run: a suite of ours by its name, or a path of the user's; `::` and what follows kept."""

    name: str
    argument: str
    ours: bool


def path_of(name: str) -> Path:
    """The file of a suite."""
    return FOLDER / f"{name}.py"


def summary(name: str) -> str:
    """The first line of a suite's own description."""
    text = ast.get_docstring(ast.parse(path_of(name).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def find(names: Iterable[str]) -> list[Target]:
    """Suites by name, else tests by path. Raises LookupError naming what there is."""
    return [_find(name) for name in names]


def of(path: Path) -> str:
    """The suite that the tests of a file belong to: its name if it is ours, else the path."""
    return path.stem if path.resolve().parent == FOLDER else str(path)


def _find(name: str) -> Target:
    file, mark, rest = name.partition("::")
    if file in SUITES:
        return Target(name, f"{path_of(file)}{mark}{rest}", ours=True)
    if Path(file).exists():
        return Target(name, f"{Path(file).resolve()}{mark}{rest}", ours=False)
    raise LookupError(f"no suite or path {name!r}; the suites are {', '.join(SUITES)}")
