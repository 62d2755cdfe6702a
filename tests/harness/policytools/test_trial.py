"""Policy unit tests: what they assert, where they fail, and how files are read."""

import json
import time
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from harness.policytools import cases, info, trial
from harness.policytools.loaded import Loaded

HEAD = """\
# who is who
policy: targeted
names:
  alice: user_u:user_r:user_t:s0
  home: user_u:object_r:home_t:s0
  project: user_u:object_r:project_dir_t:s0
  security: system_u:object_r:security_t:s0
tests:
"""
GOOD = (
    HEAD
    + """\
  - name: users keep their own files   # a comment
    allow:
      - alice home:file { create read write }
      - alice home:dir search
  - deny: alice security:security { load_policy setenforce }
    because: te
  - label-of: alice project:file "special.txt" -> user_u:object_r:special_t:s0
  - label-of: alice project:file -> user_u:object_r:newfile_t:s0
  - transition: alice system_u:object_r:job_exec_t:s0:process -> user_u:staff_r:job_t:s0
  - allow: alice user_u:object_r:shared_t:s0:file write
    booleans: {user_write_shared: on}
  - deny: alice user_u:object_r:shared_t:s0:file write
  - deny: user_u:user_r:user_t:s0 staff_u:object_r:home_t:s0:file create
    because: constraint
"""
)


def suite(folder: Path, text: str) -> cases.Suite:
    path = folder / "tests.yaml"
    path.write_text(text)
    return cases.read(path)


def outcomes(folder: Path, loaded: Loaded, text: str) -> list[tuple[str, str]]:
    found = trial.run(loaded, suite(folder, HEAD + text).cases)
    return [(outcome.status, outcome.why) for outcome in found]


def test_assertions_that_hold(tmp_path: Path, targeted: Loaded) -> None:
    """Allow, deny with its cause, labels by name and by transition, and what a boolean changes."""
    found = trial.run(targeted, suite(tmp_path, GOOD).cases)

    assert [outcome.status for outcome in found] == ["passed"] * 9


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("  - allow: alice security:security load_policy", "failed", "load_policy denied, for want of an allow rule"),
        ("  - allow: alice staff_u:object_r:home_t:s0:file {read create}", "failed", "create denied, by a constraint"),
        ("  - deny: alice home:file { read }", "failed", "read allowed"),
        ("  - {deny: 'alice security:security setbool', because: bounds}", "failed", "denied, but because of te"),
        ("  - label-of: alice project:dir -> home", "failed",
         "it is user_u:object_r:newdir_t:s0, not user_u:object_r:home_t:s0"),
        ("  - deny: alice home:file frobnicate", "error", "class file has no permission 'frobnicate'"),
        ("  - deny: alice home:fiel read", "error", "policy targeted has no class 'fiel'"),
        ("  - deny: alice user_u:object_r:nonesuch_t:s0:file read", "error",
         "'user_u:object_r:nonesuch_t:s0' is not a context of policy targeted"),
        ("  - {deny: 'alice home:dir rmdir', booleans: {nonesuch: true}}", "error",
         "the policy has no boolean 'nonesuch'"),
    ],
)  # fmt: skip
def test_assertions_that_do_not_hold(tmp_path: Path, targeted: Loaded, text: str, status: str, why: str) -> None:
    """Each says why; a deny of something that is not there is an error, not a denial."""
    assert outcomes(tmp_path, targeted, text) == [(status, why)]


def test_a_failure_names_its_line(tmp_path: Path, targeted: Loaded) -> None:
    """Also within a list of assertions."""
    text = "  - allow:\n      - alice home:file read\n      - alice security:security setbool\n"

    _, failed = trial.run(targeted, suite(tmp_path, HEAD + text).cases)

    assert failed.case.place == f"{tmp_path / 'tests.yaml'}:{HEAD.count(chr(10)) + 3}"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("  - allow: alcie home:file read", 9, "'alcie' is neither a context nor one of the file's names"),
        ("  - allow: alice home file read", 9, "is not what allow takes; give SUBJECT OBJECT:CLASS { PERMISSION ... }"),
        ("  - deny: alice home:file { }", 9, "is not what deny takes; give SUBJECT OBJECT:CLASS { PERMISSION ... }"),
        ("\t- allow: alice home:file read", 9, "a tab does not indent, blanks do"),
        ("  - name: nothing", 9, "a test asserts nothing; give one of allow, deny, label-of, transition"),
        ("  - allow: alice home:file read\n    becuase: te", 10, "'becuase' is not known here"),
        ("  - allow: alice home:file read\n    because: te", 10, "because is 'te'; give one of te"),
        ("  - allow: [alice home:file read\n  - deny: x", 10, "correct it"),
        ("  - allow: alice home:file read\n    booleans: {x: maybe}", 10, "a boolean is 'maybe'; give true or false"),
    ],
)
def test_a_file_that_does_not_read(tmp_path: Path, text: str, line: int, what: str) -> None:
    """The error names file, line and remedy."""
    with pytest.raises(ValueError, match=f"tests.yaml:{line}: ") as refusal:
        suite(tmp_path, HEAD + text)

    assert what in str(refusal.value)


def test_a_file_without_tests_is_not_passed(tmp_path: Path) -> None:
    """Nothing passes vacuously."""
    with pytest.raises(LookupError, match="no tests"):
        suite(tmp_path, "policy: targeted\ntests: []\n")
    with pytest.raises(LookupError, match="no tests"):
        suite(tmp_path, "# only a comment\n")


def test_hundreds_in_a_second(tmp_path: Path, targeted: Loaded) -> None:
    """Reading and running five hundred assertions, once libsepol has loaded the policy."""
    one = "  - allow: alice home:file { read write }\n  - label-of: alice project:dir -> user_u:object_r:newdir_t:s0\n"
    targeted.model.booleans()
    targeted.may("user_u:user_r:user_t:s0", "user_u:object_r:home_t:s0", "file", "read")
    begin = time.process_time()

    found = trial.run(targeted, suite(tmp_path, HEAD + one * 250).cases)

    assert len(found) == 500
    assert time.process_time() - begin < 1.0


def test_the_schema_takes_what_the_reader_takes() -> None:
    """For an editor; it is shipped beside the code."""
    schema = json.loads(Path(info.__file__).with_name("policy-tests.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)

    judge.validate(yaml.safe_load(GOOD))

    for wrong in (
        "  - allow: alice home file",
        "  - name: x",
        "  - {deny: 'a b:c d', because: luck}",
        "  - deny: 'a b:c { }'",
    ):
        with pytest.raises(ValidationError):
            judge.validate(yaml.safe_load(HEAD + wrong))
