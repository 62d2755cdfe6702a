"""Why an access was denied and where a label comes from: the rule, the remedy, and names that say which event."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import policies
from harness.cli import command
from harness.history import Event
from harness.model.policy import Mode
from harness.policy import Policy
from harness.store import Run
from harness.why import find, render
from harness.why.causes import Cause, Engine, Query
from harness.why.denied import Explainer, Explanation
from harness.why.story import Story

Denied = Callable[[str], Event]


@pytest.fixture
def explain(stories: list[Story]) -> Iterator[Callable[[Event], Explanation]]:
    explainer = Explainer()
    yield lambda avc: explainer.explain(find.Denial(stories[0], avc))
    explainer.close()


@pytest.fixture
def labelled(run: Run, capfd: pytest.CaptureFixture[str]) -> Callable[[str], list[str]]:
    """The lines of `why label`."""

    def lines(name: str) -> list[str]:
        assert command.run(["why", "label", name, "--run", str(run.path)]) == 0
        return capfd.readouterr().out.splitlines()

    return lines


@pytest.mark.parametrize(
    ("test", "cause", "because", "remedy"),
    [
        ("test_te", "TERULE", "no rule `allow user_t secret_t:file create;`", "allow user_t secret_t:file create;"),
        ("test_boolean", "BOOLEAN", "where user_write_shared is true", "setsebool -P user_write_shared 1"),
        ("test_constraint", "CONSTRAINT", "denied by: mlsconstrain file", "no allow rule helps"),
        ("test_silent", "DONTAUDIT", "(dontaudit user_domain hush_t (file", "allow user_t hush_t:file read;"),
        (
            "test_command",
            "COMMAND",
            "(allowx rich_domain home_t (ioctl file",
            "allowxperm user_t home_t:file ioctl 0x5413;",
        ),
        (
            "test_transition",
            "CONSTRAINT",
            "one of: (mlsvalidatetrans file (or (or (neq t1 special_t)",
            "no allow rule helps",
        ),
        (
            "test_bounds",
            "BOUNDS",
            "bounded_t is bounded by user_t (typebounds user_t bounded_t)",
            "no allow rule helps",
        ),
        ("test_rbac", "RBAC", "no role allow from staff_r to user_r", "allow staff_r user_r;"),
        (
            "test_permissive",
            "TERULE",
            "done all the same: debug_t is a permissive domain",
            "allow debug_t secret_t:dir getattr;",
        ),
        ("test_filesystem", "TERULE", "no rule `allow lonely_t", "allow lonely_t lustre_fs_t:filesystem mount;"),
        ("test_unlabeled", "TERULE", "no rule `allow user_t unlabeled_t", "allow user_t unlabeled_t:dir read;"),
    ],
)
def test_the_cause(
    test: str, cause: str, because: str, remedy: str, denied: Denied, explain: Callable[[Event], Explanation]
) -> None:
    """Each kind of denial has its cause in audit2why's word, its rule as the policy writes it, and its remedy."""
    found = explain(denied(test))

    assert found.cause == cause
    assert any(because in line for line in found.because)
    assert any(remedy in line for line in found.remedy)
    assert test in found.operation


def test_the_bounding_types_own_cause(denied: Denied, explain: Callable[[Event], Explanation]) -> None:
    """A rule for the bounding type would not help where it is a constraint that keeps it out."""
    assert any("denied by: constrain file" in line for line in explain(denied("test_bounds")).because)


@pytest.mark.parametrize(
    ("test", "lines"),
    [
        ("test_filesystem", ("fs: system_u:object_r:lustre_fs_t:s0", "by fs_use_xattr lustre")),
        ("test_rbac", ("the context that the task asks for: user_u:user_r:user_t:s0",)),
        (
            "test_unlabeled",
            ("system_u:object_r:unlabeled_t:s0", "stored, user_u:object_r:nonesuch_t:s0, is no context of the policy"),
        ),
    ],
)
def test_what_the_object_is(
    test: str, lines: tuple[str, ...], denied: Denied, explain: Callable[[Event], Explanation]
) -> None:
    """What is no file, and what is judged by another label than the stored one, says where its context comes from."""
    found = explain(denied(test)).object

    assert len(found) == len(lines)
    assert all(said in line for said, line in zip(lines, found, strict=True))


def test_what_is_not_selinuxs(stories: list[Story], explain: Callable[[Event], Explanation]) -> None:
    """A capability that the task lacks, and then owner and mode: no rule would help, and none is offered."""
    op = next(op for op in stories[0].ops.values() if op["test"] == "test_owner" and op["f"] == "chmod")
    found = [explain(denial.avc) for denial in find.denials(stories, op["op"])]

    assert [(each.cause, each.remedy) for each in found] == [("CAPABILITY", ()), ("DAC", ())]
    assert "capability { fowner }" in found[0].sentence
    assert "uid=1000" in found[1].sentence


def test_the_whole_story(denied: Denied, explain: Callable[[Event], Explanation]) -> None:
    """Operation, rpc, subject and object are named, and how the object came by its label."""
    text = "\n".join(render.explanation(explain(denied("test_boolean"))))

    assert re.search(r'operation  op\d+ open\(path="/boolean/o"', text)
    assert "Mds/Open from client0 to mds0" in text
    assert "logged in by harness" in text
    assert "made as 'o' in /boolean (user_u:object_r:home_t:s0)" in text
    assert re.search(r"user_u:object_r:shared_t:s0 at mds0: set, was \S+, by system_u:system_r:admin_t", text)
    assert "allowed: system_u:system_r:admin_t:s0-s0:c0.c15 file { relabelto } user_u:object_r:shared_t:s0" in text


def test_a_label_that_was_to_be(denied: Denied, explain: Callable[[Event], Explanation]) -> None:
    """Of an object that was about to be made the rule for its label is told."""
    assert "fscreate" in explain(denied("test_te")).object[1]


@pytest.mark.parametrize(
    ("path", "label", "rule"),
    [
        (
            "/named/special.txt",
            "special_t",
            r'type_transition user_t project_dir_t:file special_t "special.txt"; \(by file name',
        ),
        ("/fscreate/f", "project_t", r'chosen in op\d+ setfscreate\(context="user_u:object_r:project_t:s0"\)'),
        ("/relabel/r", "project_t", r"allowed: \S+ file \{ relabelfrom \} user_u:object_r:home_t:s0"),
        ("/te", "home_t", r"type root_t: the parent's: no type_transition admin_t root_t:dir"),
        ("/unlabeled/d", "nonesuch_t", r"no context of the policy, .* the initial SID `unlabeled`"),
        ("/labels/fifo", "home_t", r"user staff_u: default_user fifo_file target;"),
        ("/labels/fifo", "home_t", r"level s0:c1: default_range fifo_file target low-high;"),
        ("/labels/sock", "home_t", r"role user_r: default_role sock_file source;"),
        ("/labels/lnk", "user_t", r"type user_t: default_type lnk_file source;"),
        ("/labels/chr", "home_t", r"level s0-s0:c0\.c15: default_range chr_file source low-high;"),
        ("/labels/blk", "home_t", r"level s0-s0:c1: default_range blk_file glblub;"),
        ("/labels/staff_dir_t/f", "staff_dir_t", r"role staff_r: role_transition user_r staff_dir_t:file staff_r;"),
        ("/labels/marked_dir_t/f", "marked_dir_t", r"level s0:c2,c4: range_transition user_t marked_dir_t:file"),
        ("/labels/project_dir_t/f", "newfile_t", r"type_transition user_t project_dir_t:file newfile_t;$"),
        (
            "/labels/shared_t/f",
            "project_t",
            r"project_t; in force because \(and user_write_shared shared_is_project\) is true",
        ),
        ("/", "root_t", "root_context"),
    ],
)
def test_the_lineage(path: str, label: str, rule: str, labelled: Callable[[str], list[str]]) -> None:
    """Each origin of a label has its rule: transition by name, fscreate, relabel, inheritance, the root."""
    lines = labelled(path)

    assert lines[0].startswith(f"{path} [0x")
    assert f":{label}:" in lines[0]
    assert any(re.search(rule, line) for line in lines[1:])


def test_a_label_is_told_without_libsepol(
    labelled: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has none: the policy's text is in the run."""
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", "/nonesuch.so")

    assert any("type_transition user_t" in line for line in labelled("/named/special.txt"))


def test_names_of_events(stories: list[Story], denied: Denied, folder: Path) -> None:
    """Index, serial, operation and the AVC line itself name the same denial."""
    avc = denied("test_te")
    lines = (folder / "audit.log").read_text().splitlines()
    line = next(text for text in lines if "secret_t" in text)
    serial = re.search(r":(\d+)\)", line)
    assert serial is not None

    for event in (f"mds0:{avc['i']}", f"mds0#{serial[1]}", f"mds0:{serial[1]}", avc["op"], line):
        assert [found.avc["i"] for found in find.denials(stories, event)] == [avc["i"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["denied", "what"], 2, "names no event; give node:index"),
        (["denied", "op999"], 5, "no operation op999 in this run; the history's harness.jsonl has their names"),
        (["denied", "mds0:999999"], 5, "names no denial"),
        (["denied", "mds0#999999"], 5, "names no denial"),
        (["label", "/nonesuch"], 5, "no object '/nonesuch'"),
        (["denied", "op1"], 5, "nothing was denied in op1: it ended with ok"),
    ],
)
def test_nothing_there(arguments: list[str], code: int, said: str, run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """What names nothing is told in one line with the forms that do."""
    assert command.run(["why", *arguments, "--run", str(run.path)]) == code
    assert said in capfd.readouterr().err


def test_refused_without_a_decision(stories: list[Story], run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """What a nodemap or the filesystem itself refused is told with errno and sentence."""
    op = next(end["op"] for end in stories[0].ends.values() if end.get("errno") == 2)

    assert command.run(["why", "denied", op, "--run", str(run.path)]) == 5
    assert f"nothing was denied in {op}: no decision, but this refused it with ENOENT: " in capfd.readouterr().err


def test_several_are_listed(run: Run, stories: list[Story], denied: Denied, capfd: pytest.CaptureFixture[str]) -> None:
    """Where an event names several denials they are listed under names that each name one."""
    first, second = (find.Denial(stories[0], denied(name)) for name in ("test_te", "test_boolean"))

    lines = list(render.several([first, second]))

    assert lines[0].startswith("2 denials")
    assert [line.split()[0] for line in lines[1:]] == [first.name, second.name]
    assert find.denials(stories, second.name)[0].avc == second.avc


def test_elsewhere_without_the_cluster(
    run: Run, denied: Denied, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that was copied, history and policies alone, is explained as it was at home; JSON says the same."""
    copy = tmp_path / "copied"
    for name in ("history", "policy"):
        shutil.copytree(run.path / name, copy / name)

    assert command.run(["why", "denied", denied("test_te")["op"], "--run", str(copy), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["cause"] == "TERULE"


# What audit2allow's script prints for each answer of selinux.audit2why.
_SAID = {
    "would be allowed by active policy": "ALLOW",
    "dontaudit'd by active policy": "DONTAUDIT",
    "setsebool -P": "BOOLEAN",
    "Missing type enforcement (TE) allow rule": "TERULE",
    "#Constraint rule": "CONSTRAINT",
    "Missing role allow rule": "RBAC",
    "Typebounds violation": "BOUNDS",
}


def audit2why(lines: list[str], policy: Path) -> list[str]:
    """The cause of each line, as audit2why says it."""
    found = subprocess.run(
        ["audit2why", "-p", str(policy)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    blocks = found.stdout.split("\tWas caused by:")[1:]
    return [next(name for text, name in _SAID.items() if text in block) for block in blocks]


@pytest.mark.skipif(
    shutil.which("audit2why") is None, reason="audit2why is not installed: policycoreutils-python-utils"
)
def test_audit2why_agrees(stories: list[Story], folder: Path) -> None:
    """The cause of every AVC line is the one that audit2why gives for it under the same policy."""
    records = [pair for node in ("mds0", "oss0", "client0") for pair in find.records(stories[0], node)]
    (policy,) = (folder / "policy").glob("*.bin")
    explainer = Explainer()

    causes = [explainer.cause(denial) for _, denial in records if denial.avc["denied"]]
    explainer.close()

    lines = [line for line, denial in records if denial.avc["denied"]]
    ours = [cause.name for cause in causes if isinstance(cause, Cause)]
    assert {"TERULE", "BOOLEAN", "CONSTRAINT", "COMMAND"} <= set(ours)
    theirs = ["ALLOW" if name == "COMMAND" else name for name in ours]  # audit2why does not look at the command
    assert theirs == audit2why(lines, policy)


@pytest.mark.skipif(
    shutil.which("audit2why") is None, reason="audit2why is not installed: policycoreutils-python-utils"
)
def test_audit2why_agrees_on_what_is_never_audited(tmp_path: Path) -> None:
    """Also on what the run does not show: a role allow that is missing, dontaudit, what the policy allows."""
    rules = "(allow user_t admin_t (process (transition)))"
    policy = Policy.compile(policies.source("targeted") | {"more.cil": rules}, "more", cache=tmp_path)
    policy.save(tmp_path / "policy")
    user, admin = "user_u:user_r:user_t:s0", "system_u:system_r:admin_t:s0"
    asked = {
        Query(user, "user_u:object_r:hush_t:s0", "file", ("read",)): "DONTAUDIT",
        Query(user, "user_u:object_r:home_t:s0", "file", ("read",)): "ALLOW",
        Query(user, "user_u:object_r:home_t:s0:c1", "dir", ("search", "write")): "CONSTRAINT",
        Query(user, admin, "process", ("transition",)): "RBAC",
        Query(user, "user_u:object_r:shared_t:s0", "file", ("write",)): "BOOLEAN",
    }
    engine = Engine(tmp_path, policy.digest)

    ours = [engine.cause(query, Mode(policy.digest)).name for query in asked]
    engine.close()

    lines = [
        f"type=AVC msg=audit(1.000:{number}): avc:  denied  {{ {' '.join(query.perms)} }} for  pid=1 "
        f"scontext={query.scontext} tcontext={query.tcontext} tclass={query.tclass} permissive=0"
        for number, query in enumerate(asked, 1)
    ]
    assert ours == list(asked.values())
    assert ours == audit2why(lines, tmp_path / "policy" / f"{policy.digest}.bin")
