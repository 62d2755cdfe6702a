"""labelproof oracle: agreement with the kernel, each kind of difference, rules for what is known, and bad input."""

import json
import tempfile
from pathlib import Path

import pytest

from harness import owner
from harness.oracle import replay
from harness.oracle.replay import Observed
from harness.results import Exit


@pytest.mark.parametrize("result", ["ext4-enforcing", "ext4-permissive"])
def test_the_cluster_agrees_with_the_kernel(oracle, cases, result) -> None:
    """Every file case agrees in errno, values, labels and ordered checks; what no cluster does is skipped."""
    code, out, err = oracle(cases, "--result", result, "--json")
    found = json.loads(out)

    assert (code, err, found["different"]) == (Exit.PASSED, "", [])
    assert (found["cases"], found["compared"]) == (24, 23)
    assert found["checks"] > 100
    assert [(item["case"], item["step"]) for item in found["skipped"]] == [("exec-data-denied", 1)]
    assert found["skipped"][0]["reason"] == "operation exec: no node executes programs"


@pytest.mark.parametrize(("more", "code"), [({}, Exit.FAILED), ({"runner_error": "no"}, Exit.INCONCLUSIVE)])
def test_what_cannot_be_laid_is_a_difference(oracle, one, more, code) -> None:
    """Where the kernel laid it; nothing is compared where neither could."""

    def lay(case, result) -> None:
        case["setup"].append({"p": "d/missing/f", "l": "data_t"})
        result.update(more)

    told = oracle(one("link-secret", lay))

    assert (told[0], "the kernel's objects were laid, the cluster's could not be" in told[1]) == (code, not more)


def test_a_socket_is_not_a_matter_of_files(oracle, one) -> None:
    """A step that ended at the kernel's own socket is skipped, and what it would have made is not looked for, nor what
    comes of it in the steps behind."""

    def bound(case, result) -> None:
        case["steps"] = [{"op": "bind", "path": "d/s"}, {"op": "stat", "path": "d/s"}]
        refusal = {"res": "denied", "tclass": "unix_stream_socket", "permissive": "0", "perms": ["create"]}
        refusal |= {"scontext": "a", "tcontext": "a"}
        results = [{"errno": 13, "checks": [refusal]}, {"errno": 2, "checks": []}]
        result["steps"] = [{"step": step, **done} for step, done in zip(case["steps"], results, strict=True)]

    _, out, _ = oracle(one("link-secret", bound), "--json")

    assert [item["step"] for item in json.loads(out)["skipped"]] == [1, 2, "after"]


def test_over_processes(oracle, one) -> None:
    """The same on a cluster of processes."""
    code, out, _ = oracle(one("rename-secret"), "--runtime", "processes")

    assert (code, out.splitlines()[-1]) == (
        Exit.PASSED,
        "ext4-enforcing: 1 cases, 1 compared in 1 steps and 5 checks: all agree",
    )


def test_what_it_keeps_meanwhile_has_an_owner(oracle, one, monkeypatch, tmp_path) -> None:
    """So that `labelproof prune` finds it, should this process be killed; otherwise nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[bool] = []

    def looking(*_words) -> list[Observed]:
        seen.extend(owner.alive(path) for path in tmp_path.glob("labelproof-*"))
        return []

    monkeypatch.setattr(replay, "run", looking)
    oracle(one("rename-secret"))

    assert seen
    assert all(seen)
    assert not list(tmp_path.glob("labelproof-*"))


def _errno(case, result) -> None:
    result["steps"][0]["errno"] = 1


def _ret(case, result) -> None:
    result["steps"][1]["ret"] = "other"


def _granted(case, result) -> None:
    result["steps"][0]["checks"][-1]["res"] = "granted"


def _perms(case, result) -> None:
    result["steps"][0]["checks"][2]["perms"] = ["write"]


def _order(case, result) -> None:
    result["steps"][0]["checks"][2:4] = reversed(result["steps"][0]["checks"][2:4])


def _fewer(case, result) -> None:
    result["steps"][0]["checks"].pop()


def _more(case, result) -> None:
    result["steps"][0]["checks"] *= 2


def _label(case, result) -> None:
    result["after"]["d/f"]["label"] = "sysu:object_r:data_t:s0"


def _mode(case, result) -> None:
    result["after"]["d/f"]["mode"] = "0o600"


def _object(case, result) -> None:
    del result["after"]["d/f"]


@pytest.mark.parametrize(
    ("name", "plant", "field", "sentence"),
    [
        ("link-secret", _errno, "errno", "step 1 (link d/f d/g): the kernel answers EPERM, the cluster EACCES"),
        ("fd-relabel-read", _ret, "ret", "step 2 (read a): the kernel gives 'other', not 'hello world'"),
        ("link-secret", _granted, "checks", "step 1 (link d/f d/g): check 5 of the kernel is granted { link } on file"),
        (
            "link-secret",
            _perms,
            "checks",
            "check 2 of the kernel is denied { write } on file sysu:object_r:secret_t:s0",
        ),
        ("link-secret", _order, "checks", "check 2 of the kernel is granted { search write } on dir"),
        ("link-secret", _fewer, "checks", "the cluster asks one check too many, denied { link } on file"),
        ("link-secret", _more, "checks", "the kernel goes on to check 6, granted { search } on dir"),
        ("link-secret", _label, "label", "d/f has label sysu:object_r:data_t:s0 on the kernel, sysu:object_r:secret_t"),
        ("link-secret", _mode, "mode", "afterwards: d/f has mode 0o600 on the kernel, 0o666 on the cluster"),
        ("link-secret", _object, "object", "afterwards: d/f is there on the cluster only"),
    ],
)
def test_each_difference_is_a_sentence(oracle, one, name, plant, field, sentence) -> None:
    """What the kernel did not do is found, said in one line, and makes the exit code 1."""
    folder = one(name, plant)

    code, out, _ = oracle(folder)
    data = json.loads(oracle(folder, "--json")[1])

    assert code == Exit.FAILED
    assert out.startswith(f"differs {name}, ")
    assert sentence in out.splitlines()[0]
    assert [(item["case"], item["field"], item["known"]) for item in data["different"]] == [(name, field, None)]


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_known_difference_fails_nothing(oracle, one, tmp_path, suffix) -> None:
    """A rule explains it with its reason; one that explains nothing is named."""
    rules = [
        {"case": "link-*", "step": 1, "field": "errno", "reason": "because"},
        {"case": "stat-*", "step": "stat", "reason": "long gone"},
    ]
    known = tmp_path / f"known.{suffix}"
    toml = "\n".join("[[known]]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in rule.items()) for rule in rules)
    known.write_text(toml if suffix == "toml" else json.dumps(rules))

    code, out, _ = oracle(one("link-secret", _errno), "--known", known)

    assert code == Exit.PASSED
    assert out.splitlines()[0].endswith("the cluster EACCES (known: because)")
    assert "the rule for stat-* explains nothing: long gone" in out


@pytest.mark.parametrize("rule", [{"step": 2}, {"step": "after"}, {"field": "label"}, {"case": "rename-*"}])
def test_a_rule_explains_only_what_it_says(oracle, one, tmp_path, rule) -> None:
    """Another step, field or case is not explained."""
    known = tmp_path / "known.json"
    known.write_text(json.dumps([{"case": "link-*", "reason": "because", **rule}]))

    assert oracle(one("link-secret", _errno), "--known", known)[0] == Exit.FAILED


def test_families_restrict_and_are_counted(oracle, one, cases, tmp_path) -> None:
    """Only the cases of the lists are run, each list with its numbers."""
    families = tmp_path / "families.json"
    families.write_text(json.dumps({"names": ["rename-*", "link-secret"], "gone": ["no-such-case"]}))

    found = json.loads(oracle(cases, "--families", families, "--json")[1])

    assert found["cases"] == 3
    assert found["families"]["names"] == {"cases": 3, "compared": 3, "different": 0}
    assert found["families"]["gone"] == {"cases": 0, "compared": 0, "different": 0}


def test_families_without_a_case(oracle, cases, tmp_path) -> None:
    """Nothing selected: exit code 5."""
    families = tmp_path / "families.json"
    families.write_text(json.dumps({"gone": ["no-such-case"]}))

    code, _, err = oracle(cases, "--families", families)

    assert (code, err.count("\n")) == (Exit.NOTHING, 1)


def _unknown(case, result) -> None:
    for step in (case["steps"][0], result["steps"][0]["step"]):
        step["op"] = "frobnicate"


def test_an_unknown_operation_is_skipped(oracle, one) -> None:
    """It is named with its reason, its objects are not compared, and nothing compared is no agreement."""
    code, out, _ = oracle(one("link-secret", _unknown), "--json")
    found = json.loads(out)

    assert (code, found["compared"], found["different"]) == (Exit.INCONCLUSIVE, 0, [])
    assert [(item["step"], item["reason"]) for item in found["skipped"]] == [
        (1, "operation frobnicate is not one of the grammar"),
        ("after", "a step that changes objects was skipped"),
    ]


def _by_runner(case, result) -> None:
    for step in (case["steps"][0], result["steps"][0]["step"]):
        step |= {"op": "dance", "by": "runner"}


def test_an_unknown_step_of_the_runner_is_skipped(oracle, one) -> None:
    """The administrator's steps have a grammar of their own."""
    found = json.loads(oracle(one("link-secret", _by_runner), "--json")[1])

    assert found["skipped"][0]["reason"] == "operation dance by the runner is not one of the grammar"


def test_a_case_without_a_result_is_skipped(oracle, one) -> None:
    """A case that the kernel has not run is compared with nothing."""
    found = json.loads(oracle(one("link-secret", lambda case, result: result.update(id="other")), "--json")[1])

    assert [item["reason"] for item in found["skipped"]] == ["ext4-enforcing.json has no result of it"]


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("cases.json", "[{", "cases.json is not JSON"),
        ("cases.json", "{}", "cases.json is dict '{}'; a list belongs there"),
        ("cases.json", '[{"id": "x"}]', "case 1 (x): 'subject' is missing"),
        ("cases.json", '[{"id": "x", "subject": "app_t", "steps": [{"path": "d"}]}]', "steps: 'op' is missing"),
        ("cases.json", '[{"id": "x", "subject": "app_t", "uid": "root"}]', "uid is 'root'"),
        ("cases.json", '[{"id": "x", "subject": "app_t", "steps": 3}]', "a list belongs there"),
        (
            "cases.json",
            '[{"id": "x", "subject": "app_t", "steps": [{"op": "ioctl", "cmd": "x"}]}]',
            "case 1 (x): steps: cmd is 'x'; a number belongs there",
        ),
        (
            "cases.json",
            '[{"id": "x", "subject": "app_t", "setup": [{"p": "d", "t": "lnk"}]}]',
            "case 1 (x): setup: 'd' lacks 'target'",
        ),
        ("cases.json", '[{"id": "x", "subject": "app_t", "setup": [{"p": "d", "mode": "x"}]}]', "mode is 'x'"),
        ("cases.json", '[{"id": "x", "subject": "app_t", "finally": [{"op": "x", "by": true}]}]', "by is True"),
        ("ext4-enforcing.json", '{"results": [{"id": "x", "steps": [{"errno": "0"}]}]}', "errno is '0'"),
        ("ext4-enforcing.json", '{"results": [{"id": "x", "steps": [{"checks": 5}]}]}', "a list belongs there"),
        (
            "ext4-enforcing.json",
            '{"results": [{"id": "x", "steps": [{"checks": [{"res": "denied"}]}]}]}',
            "a check needs perms, scontext, tcontext, tclass",
        ),
        ("ext4-enforcing.json", '{"results": [{"id": "x", "after": {"d": 5}}]}', "after: d is int '5'"),
        ("ext4-enforcing.json", "[]", "an object belongs there"),
        ("ext4-enforcing.json", '{"results": [{"steps": []}]}', "result 1: 'id' is missing"),
        ("ext4-enforcing.json", "\0", "ext4-enforcing.json is not JSON"),
        ("oracle.cil", "(fsuse xattr ext4 (u r t l))) (block", "oracle.cil"),
        ("oracle.cil", "", "fsuse xattr ext4"),
    ],
)
def test_a_damaged_folder(oracle, one, file, text, words) -> None:
    """Exit code 2 and one line that names the place."""
    folder = one("link-secret")
    (folder / file).write_text(text)

    code, out, err = oracle(folder)

    assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1)
    assert words in err


def _lacking(case, result) -> None:
    for step in (case["steps"][0], result["steps"][0]["step"]):
        del step["to"]


def _lacking_by_runner(case, result) -> None:
    for step in (case["steps"][0], result["steps"][0]["step"]):
        step |= {"op": "relabel", "by": "runner"}


def _other(case, result) -> None:
    result["steps"][0]["step"]["path"] = "d/other"


def _strange(case, result) -> None:
    case["setup"][0]["t"] = "blob"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_lacking, "case link-secret: link lacks 'to'"),
        (_lacking_by_runner, "case link-secret: relabel by the runner lacks 'label'"),
        (_other, "the result of case link-secret is of other steps than cases.json has"),
        (_strange, "case link-secret: 'd' is of kind 'blob'; there are dir, file"),
    ],
)
def test_a_damaged_case(oracle, one, change, words) -> None:
    """A step that lacks a value, a result of another case, an object of no kind: exit code 2, one line."""
    code, _, err = oracle(one("link-secret", change))

    assert (code, err.count("\n")) == (Exit.USAGE, 1)
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "is neither JSON"),
        ("3", "give a list of rules"),
        ('[{"case": "x"}]', "rule 1: reason is missing"),
        ('[{"case": "x", "reason": "y", "field": "size"}]', "field is 'size'"),
        ('[{"case": "x", "reason": "y", "until": 3}]', "nothing else"),
        ('[{"case": "x", "reason": "y", "step": [1]}]', "step is [1]"),
    ],
)
def test_damaged_rules(oracle, cases, tmp_path, text, words) -> None:
    """Exit code 2 and one line that names the rule."""
    known = tmp_path / "known.json"
    known.write_text(text)

    code, _, err = oracle(cases, "--known", known)

    assert (code, err.count("\n")) == (Exit.USAGE, 1)
    assert words in err


def _linked(case, result) -> None:
    steps = [
        {"op": "open", "path": "d", "flags": "O_TMPFILE|O_RDWR", "fd": "a"},
        {"op": "linkfd", "fd": "a", "to": "d/n"},
        {"op": "stat", "path": "."},
    ]
    case["steps"] = steps
    result["steps"] = [{"step": step, "errno": 0} for step in steps]
    result["steps"][2]["ret"] = 1024


def test_values_that_a_case_does_not_hold(oracle, one) -> None:
    """What a call gives besides is no difference, and neither is the size of a directory."""
    found = json.loads(oracle(one("link-secret", _linked), "--json")[1])

    assert [(item["step"], item["field"]) for item in found["different"] if item["field"] == "ret"] == []
    assert found["steps"] == 3


def test_no_such_result(oracle, cases) -> None:
    """The results that there are, are named."""
    code, _, err = oracle(cases, "--result", "xfs")

    assert code == Exit.USAGE
    assert "the folder has ext4-enforcing, ext4-permissive" in err


def test_no_such_folder(oracle, tmp_path: Path) -> None:
    """A folder that is not there, and one without cases."""
    assert oracle(tmp_path / "gone")[0] == Exit.USAGE
    assert oracle(tmp_path)[0] == Exit.USAGE
