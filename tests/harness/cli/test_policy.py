"""The commands of `labelproof policy`: exit codes, text and JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import policies
from harness.cli import command
from harness.policy import Policy

Command = Callable[..., tuple[int, str, str]]
TESTS = "policy: targeted\ntests:\n  - {perm}: user_u:user_r:user_t:s0 user_u:object_r:home_t:s0:file read\n"


@pytest.fixture
def labelproof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = command.run(["policy", *arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def newer(tmp_path: Path) -> str:
    """A compiled policy: targeted with one rule more."""
    files = {**policies.source("targeted"), "more.cil": "(allow guest_t secret_t (file (read)))"}
    path = tmp_path / "newer.33"
    path.write_bytes(Policy.compile(files, "newer", cache=tmp_path / "cache").binary)
    return str(path)


def test_check_accepts(labelproof: Command, newer: str) -> None:
    """What kind of policy it is, and what a binary cannot tell."""
    code, text, _ = labelproof("check", newer)
    found = json.loads(labelproof("check", newer, "--json")[1])

    assert code == 0
    assert text.startswith(f"{newer}: accepted by libsepol")
    assert "neverallow" in text
    assert (found["accepted"], found["version"], found["mls"], found["permissive"]) == (True, 33, True, ["debug_t"])


def test_check_says_what_a_policy_does_not_have(labelproof: Command, tmp_path: Path) -> None:
    """Permissions and classes that are younger than it, what becomes of them, and a filesystem that keeps no labels."""
    found = Policy.own("targeted", cache=tmp_path / "cache").cil
    text = found.replace("(handleunknown deny)", "(handleunknown reject)").replace(" watch_reads", "")
    text = text.replace("(fsuse xattr lustre", '(genfscon lustre "/"')
    Path("older.cil").write_text(text)

    notes = json.loads(labelproof("check", "older.cil", "--json")[1])["notes"]

    assert any("(genfs): it is system_u:object_r:lustre_fs_t:s0" in note for note in notes)
    assert any("anon_inode { watch_reads }" in note and "and 4 more: such a kernel refuses" in note for note in notes)
    assert len(json.loads(labelproof("check", "targeted", "--json")[1])["notes"]) == 1


def test_check_refuses(labelproof: Command, newer: str) -> None:
    """A truncated file is 1 with libsepol's reason; a file that is not there is 2."""
    Path("cut.33").write_bytes(Path(newer).read_bytes()[:5000])

    code, text, _ = labelproof("check", "cut.33")
    missing, _, error = labelproof("check", "nonesuch.33")

    assert code == 1
    assert "refused" in text
    assert missing == 2
    assert "no policy 'nonesuch.33'" in error


def test_info_counts(labelproof: Command, newer: str) -> None:
    """One allow rule more is counted as one more."""
    old = json.loads(labelproof("info", "targeted", "--json")[1])
    new = json.loads(labelproof("info", newer, "--json")[1])

    changed = {name for name in new["counts"] if new["counts"][name] != old["counts"][name]}
    assert changed == {"allow rules"}
    assert new["counts"]["allow rules"] == old["counts"]["allow rules"] + 1
    assert "handle unknown" in labelproof("info", newer)[1]


def test_diff(labelproof: Command, newer: str) -> None:
    """1 on a difference, 0 without or with --exit-zero; JSON has every name."""
    code, text, _ = labelproof("diff", "targeted", newer)
    found = json.loads(labelproof("diff", "targeted", newer, "--json")[1])

    assert code == 1
    assert text.splitlines()[:2] == ["new allows (1)", "  + allow guest_t secret_t:file read;"]
    assert found["vectors"][0]["sources"] == ["guest_t"]
    assert labelproof("diff", "targeted", newer, "--exit-zero")[0] == 0
    assert labelproof("diff", newer, newer)[0] == 0
    assert labelproof("diff", newer, newer, "--boolean", "x")[0] == 2


def test_tests_pass_and_fail(labelproof: Command, newer: str) -> None:
    """0 and 1; failures by file and line; --policy overrides what a file says."""
    Path("good.yaml").write_text(TESTS.replace("{perm}", "allow"))
    Path("bad.yaml").write_text(TESTS.replace("{perm}", "deny"))

    good = labelproof("test", "good.yaml", "--policy", newer)
    bad = labelproof("test", "good.yaml", "bad.yaml")

    assert good[0] == 0
    assert "1 assertions: 1 passed, 0 failed" in good[1]
    assert bad[0] == 1
    assert bad[1].startswith("bad.yaml:3: failed: deny ")
    assert json.loads(labelproof("test", "bad.yaml", "--json")[1])["tests"][0]["status"] == "failed"


def test_files_that_do_not_read(labelproof: Command) -> None:
    """2 for a file that is wrong or not there, 5 for one without tests."""
    Path("wrong.yaml").write_text("tests:\n  - allow: x\n")
    Path("empty.yaml").write_text("policy: targeted\n")

    assert labelproof("test", "wrong.yaml")[0] == 2
    assert labelproof("test", "nonesuch.yaml")[0] == 2
    assert labelproof("test")[0] == 2
    assert labelproof("test", "empty.yaml")[0] == 5


def test_schema(labelproof: Command) -> None:
    """For an editor: the JSON Schema of test files."""
    code, text, _ = labelproof("test", "--schema")

    assert code == 0
    assert json.loads(text)["title"] == "Policy unit tests of labelproof"


def test_profile(labelproof: Command) -> None:
    """TOML on standard output, with comments that say what each part is for."""
    code, text, _ = labelproof("profile", "mls")

    assert code == 0
    assert "# Creates things." in text
    assert '[directories]\n"inherit" = ' in text


@pytest.mark.parametrize("name", ["check", "info", "diff", "test", "profile"])
def test_help_teaches_with_examples(labelproof: Command, name: str) -> None:
    """Each command shows how it is used."""
    code, text, _ = labelproof(name, "--help")

    assert code == 0
    assert "labelproof policy" in text
