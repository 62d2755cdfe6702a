"""Settings of a project: `[tool.labelproof]` in pyproject.toml, or labelproof.toml, in the nearest folder upwards.

Precedence: command line, environment (`LABELPROOF_*`), project, default. The first two are the command line's and
the plugin's to look at; here is the third.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Setting -> the type of its value.
KEYS: dict[str, type] = {
    "runtime": str,
    "policy": str,
    "profile": str,
    "lsm": str,
    "seed": int,
    "store": str,
    "cluster": str,
    "secrets": str,
    "suites": list,
}


@dataclass(frozen=True, slots=True)
class Project:
    """`folder` is where the settings stand, `values` has those that are set."""

    folder: Path
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """Beside the settings, wherever below them a command is typed."""
        return self.folder / str(self.values.get("store", ".labelproof"))


def load(start: Path) -> Project:
    """The project that `start` is in; without settings anywhere, `start` itself.

    Raises ValueError naming the file and the key for what is not a setting.
    """
    for folder in (start, *start.parents):
        for name, table in (("labelproof.toml", ()), ("pyproject.toml", ("tool", "labelproof"))):
            values = _table(folder / name, table)
            if values is not None:
                return Project(folder, _checked(values, folder / name))
    return Project(start)


def _table(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} does not read: {error}; correct it") from error
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    for key, value in values.items():
        if key not in KEYS:
            raise ValueError(f"{path}: {key!r} is not a setting; there are {', '.join(KEYS)}")
        if type(value) is not KEYS[key]:
            raise ValueError(f"{path}: {key} is {value!r}; give a value of type {KEYS[key].__name__}")
    return values
