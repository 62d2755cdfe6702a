"""The plugin's options and ini keys, and whether a project has given any."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

# setting -> (what it is, default)
SETTINGS = {
    "runtime": ("where nodes run: processes, netns, docker, inprocess, sim ...", "processes"),
    "policy": ("targeted, mls, or a policy file: compiled, or CIL", "targeted"),
    "profile": ("TOML file that says who is who in the policy; targeted and mls have their own", ""),
    "lsm": ("the SELinux module on every node: enforcing, permissive or disabled", "enforcing"),
    "seed": ("seed of everything random", "0"),
}


def add(parser: pytest.Parser) -> None:
    """An option and an ini key for each setting."""
    group = parser.getgroup("labelproof", "labelproof: labelled clusters")
    for name, (text, default) in SETTINGS.items():
        group.addoption(f"--labelproof-{name}", default=None, help=f"{text} (default: {default})")
        parser.addini(f"labelproof_{name}", f"as --labelproof-{name}")
    group.addoption("--labelproof-run-dir", default=None, help="folder for history, logs and policies of the clusters")
    group.addoption("--labelproof-again", default=None, help=argparse.SUPPRESS)


def given(config: pytest.Config) -> bool:
    """Whether anybody has said anything of clusters: their tests may be few, but the workers must be so too."""
    said = [config.getoption(f"--labelproof-{name}") or config.getini(f"labelproof_{name}") for name in SETTINGS]
    said += [os.environ.get(f"LABELPROOF_{name.upper()}") for name in SETTINGS]
    folders = (Path.cwd(), *Path.cwd().parents)
    return any(said) or any(map(_settings_in, folders))


def _settings_in(folder: Path) -> bool:
    project = folder / "pyproject.toml"
    return (folder / "labelproof.toml").exists() or (project.exists() and b"[tool.labelproof]" in project.read_bytes())
