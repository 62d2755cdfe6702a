"""The checker *audit* on histories made by hand."""

import pytest

from harness.checkers import Judge

HEAD = 'type=AVC msg=audit(1700000000.123:45): avc:  {result}  {{ {perms} }} for  pid=1 comm="mds" name="f" '
DENIED = HEAD + "scontext={s} tcontext={t} tclass=file permissive=0"
GRANTED = HEAD + "scontext={s} tcontext={t} tclass=file"


@pytest.fixture
def audited(held):
    """Kinds of findings and verdict of a history with an audit log."""

    def feed(history, lines):
        judge = Judge(held, {"audit"})
        judge.feed(history.events)
        if lines is not None:
            judge.feed_audit(lines)
        return [finding.kind for finding in judge.drain()], judge.verdicts()[0].valid

    return feed


@pytest.fixture
def denied(history, names):
    """A history with one audited denial, and its line."""
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.denied("inode_getattr", "file", "getattr", names["obj"]("secret_t"), "getattr")
    return history, DENIED.format(result="denied", perms="getattr", s=names["app"], t=names["obj"]("secret_t"))


def test_denial_with_its_line_is_valid(denied, audited):
    """A denial and its line agree."""
    history, line = denied

    assert audited(history, [line, "type=SYSCALL msg=audit(1.000:45): arch=0"]) == ([], "valid")


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("denied  { getattr } for  pid", "denied  { getattr } for pid", ["line-grammar", "line-missing"]),
        ("avc:  denied", "avc: denied", ["line-grammar", "line-missing"]),
        ('name="f"', "name=f", ["line-grammar", "line-missing"]),
        ('name="f"', 'name="a b"', ["line-grammar", "line-missing"]),
        (" permissive=0", "", ["line-grammar", "line-missing"]),
        ("permissive=0", "permissive=1", ["line-missing", "line-extra"]),
        ("{ getattr }", "{ getattr read }", ["line-missing", "line-extra"]),
    ],
)
def test_line_that_is_not_the_kernels_is_caught(denied, audited, old, new, kinds):
    """Blanks, quotes, the order of fields, the permissions and the permissive flag have to be right."""
    history, line = denied

    assert audited(history, [line.replace(old, new)])[0] == kinds


def test_untrusted_name_in_hex_is_right(denied, audited):
    """A name with a blank is written in upper-case hex without quotes."""
    history, line = denied

    assert audited(history, [line.replace('name="f"', "name=612062")]) == ([], "valid")


def test_missing_and_extra_lines_are_caught(denied, audited):
    """A decision without a line, and a line without a decision, are findings."""
    history, line = denied

    assert audited(history, [])[0] == ["line-missing"]
    assert audited(history, [line, line])[0] == ["line-extra"]


def test_dontaudit_denial_has_no_line(history, audited, names):
    """What the policy hushes is denied in silence; audited all the same it is a finding."""
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    asked = ("inode_getattr", "file", "getattr", names["obj"]("hush_t"), "getattr")
    history.denied(*asked, audited=False)
    good = audited(history, [])
    history.denied(*asked, audited=True)

    assert good == ([], "valid")
    assert audited(history, [])[0] == ["audit-unexpected", "line-missing"]


def test_auditallow_grant_needs_its_line(history, audited, names):
    """What the policy wants told is told when it is granted, without a permissive field."""
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.avc("inode_getattr", "file", "getattr", names["obj"]("data_t"), audited=True)
    line = GRANTED.format(result="granted", perms="getattr", s=names["app"], t=names["obj"]("data_t"))
    good = audited(history, [line])
    history.avc("inode_getattr", "file", "getattr", names["obj"]("data_t"), audited=False)

    assert good == ([], "valid")
    assert audited(history, [line])[0] == ["audit-missing"]


def test_without_the_log_the_verdict_is_unknown(denied, audited):
    """A run without audit.log cannot be judged."""
    history, _ = denied

    assert audited(history, None) == ([], "unknown")
