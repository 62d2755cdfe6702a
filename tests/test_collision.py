"""Labelproof beside a repository that owns packages called `client` and `harness`.

The names of our flat packages are ordinary words. The command must find its own whatever the working directory
holds, and the plugin must leave a stranger's test run alone: it says what is hidden only to those who ask for a
cluster.
"""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

FILES = {
    "client/__init__.py": "WHOSE = 'theirs'\n",
    "harness/__init__.py": "WHOSE = 'theirs'\n",
    "harness/cli.py": "raise AssertionError('the command imported the working directory')\n",
    "test_theirs.py": """\
import client
import harness


def test_their_own_packages():
    assert (client.WHOSE, harness.WHOSE) == ('theirs', 'theirs')
""",
}
ASKS_FOR_A_CLUSTER = """\
import client


def test_asks_for_a_cluster(labelproof_cluster):
    assert labelproof_cluster
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A stranger's repository with its own `client` and `harness`, and one test of them."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def command() -> Path:
    """The console command as pip installed it beside this interpreter."""
    assert metadata.entry_points(group="console_scripts", name="labelproof"), "pip install -e '.[dev]' first"
    return Path(sys.executable).with_name("labelproof")


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run in the folder, without what this test run put into the environment."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "LABELPROOF_"))
    }
    return subprocess.run(
        list(map(str, arguments)), cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(params=["pytest", "python -m pytest"])
def their_pytest(request: pytest.FixtureRequest) -> list[str]:
    """The two ways to type it. Only the second puts the working directory on the path before plugins are loaded."""
    program = [str(Path(sys.executable).with_name("pytest"))]
    return program if request.param == "pytest" else [sys.executable, "-m", "pytest"]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_command_uses_its_own_packages(repository: Path, command: Path, option: str) -> None:
    """The command never imports from the working directory."""
    result = run(repository, command, option)

    assert (result.returncode, result.stderr) == (0, "")
    assert "labelproof" in result.stdout


def test_the_command_names_the_installed_version(repository: Path, command: Path) -> None:
    """`labelproof --version` says the version of the distribution."""
    result = run(repository, command, "--version")

    assert metadata.version("labelproof") in result.stdout


def test_their_own_tests_pass_with_the_plugin_installed(repository: Path, their_pytest: list[str]) -> None:
    """A test run that asks nothing of the plugin imports its own packages and passes without a word from us."""
    assert metadata.entry_points(group="pytest11", name="labelproof"), "pip install -e '.[dev]' first"

    result = run(repository, *their_pytest, "-W", "error")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout
    assert "labelproof: the package" not in result.stdout + result.stderr


def test_a_cluster_asked_for_says_what_hides_ours(repository: Path, their_pytest: list[str]) -> None:
    """One sentence names the hidden package, the file that hides it and the remedy; their other tests still pass."""
    (repository / "test_asks.py").write_text(ASKS_FOR_A_CLUSTER)

    result = run(repository, *their_pytest)

    hides = repository / "client" / "__init__.py"
    sentences = [line for line in result.stdout.splitlines() if "labelproof: the package 'client'" in line]
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"labelproof: the package 'client' comes from {hides}, not from labelproof" in sentences[0]
    assert "labelproof run" in sentences[0], "the remedy: run it by the command, or rename the package"
    assert "1 passed, 1 error" in result.stdout
    assert "Traceback" not in result.stdout
