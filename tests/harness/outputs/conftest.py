"""A run in the simulator with two planted bugs, a wrong assertion, names meant to do harm, and a case in YAML."""

import os
from pathlib import Path

import pytest

from harness import runner
from harness.outputs.told import Told
from harness.runner import RunOptions
from harness.store import Store

# Markup of every form, a line break, a change of direction, a terminal's escape, a byte that is no text.
HOSTILE = "a`b|c<d>*e*;#f:g,h%i@j\nend ::error::x\u202e\x1b[31m\udcff]]>&quot;"
TESTS = f"""\
import pytest

from harness import profile
from harness.mutants import MUTANTS

PEOPLE = profile.of("targeted")
HOSTILE = {HOSTILE!a}


@pytest.fixture
def home(labelproof_client, request):
    label = PEOPLE.directories["transition"]
    admin = labelproof_client.login(PEOPLE.admin, uid=0, caps="all", umask=0, fscreate=label)
    path = "/" + "".join(char for char in request.node.name if char.isalnum())
    admin.mkdir(path, 0o777)
    return path


@pytest.mark.parametrize("name", ["parent_label", "skip_hook_uncounted"])
def test_planted(labelproof_cluster, labelproof_client, home, name):
    user = labelproof_client.login(PEOPLE.user)
    mutant = next(one for one in MUTANTS if one.name == name)
    user.symlink("x", home + "/before")
    with mutant.plant(labelproof_cluster):
        user.mkdir(home + "/" + HOSTILE)
        user.unlink(home + "/before")


def test_asserts(labelproof_client, home):
    user = labelproof_client.login(PEOPLE.user)
    user.mkdir(home + "/d")
    assert user.stat(home + "/d").uid == 5, HOSTILE


def test_passes(labelproof_client, home):
    labelproof_client.login(PEOPLE.user).mkdir(home + "/x")


def test_skips(labelproof_client):
    pytest.skip("no reason")
"""
CASE = """\
name: A case that does not hold
objects: [{path: d, kind: directory, label: denied}]
steps:
  - as: user
    mkdir: {path: d/x}
    expect: ok
"""


class Silent:
    def begin(self, total: int) -> None: ...
    def done(self, test: object, number: int) -> None: ...


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What is wrong in that run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_planted.py").write_text(TESTS)
    (folder / "case.labels.yaml").write_text(CASE)
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("LABELPROOF_", "PYTEST_XDIST"))]:
            patch.delenv(name)
        patch.chdir(folder)
        targets = ("test_planted.py", "case.labels.yaml")
        result = runner.run(RunOptions(targets, "sim", seed=3), Store(folder / ".labelproof"), Silent())
    assert Path.cwd() == before
    return result.told
