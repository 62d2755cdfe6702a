"""Decisions on an ioctl by its command, recomputed from the rules on extended permissions."""

import pytest

from harness.checkers import Judge
from harness.model import access

LINE = (
    'type=AVC msg=audit(1700000000.123:45): avc:  {result}  {{ ioctl }} for  pid=1 comm="test" dev="mds0" ino=2'
    "{command} scontext={s} tcontext={t} tclass=file{mode}"
)


@pytest.fixture
def asked(history, names):
    """Creates a file, and has an ioctl on it decided: asked(command, missing="", **fields of the decision)."""
    history.creates()

    def asked(command, missing="", *, op=True, **fields):
        op_id = history.op("ioctl", fields.pop("task", "t1"), fd=3, cmd=command) if op else None
        history.recv("Mds/Ioctl", op_id, place={"handle": "00"}, subject=fields.pop("subject", "app"))
        facts = {"obj": names["file"], "scontext": names["app"]} | fields
        if missing:
            history.denied("file_ioctl", "file", "ioctl", names["obj"]("made_t"), missing, **facts)
        else:
            history.avc("file_ioctl", "file", "ioctl", names["obj"]("made_t"), **facts)
        checks = access.expected("ioctl", "ioctl")
        refused = missing and not fields.get("allowed")
        fired = () if refused else history.fires(checks, {"object": names["file"]})
        history.reply(13 if refused else 0, case="ioctl", fired=fired)
        return history

    return asked


@pytest.fixture
def loose(history, names):
    """Fields of a decision of a permissive domain that lets pass what it would deny."""
    history.subject("loose", names["loose"])
    history.task("t2", "loose")
    return {"task": "t2", "subject": "loose", "scontext": names["loose"], "permissive": True, "allowed": True}


@pytest.mark.parametrize(("command", "missing"), [(0x6601, ""), (0x6603, "ioctl"), (0xC0046602, "")])
def test_decision_by_the_command_is_right(asked, judged, command, missing):
    """What allowx names is allowed, what it leaves out is denied, for want of type enforcement."""
    assert judged(asked(command, missing), "mediation")[0] == []


@pytest.mark.parametrize(("command", "missing", "kind"), [(0x6603, "", "allow"), (0x6601, "ioctl", "deny")])
def test_decision_in_spite_of_the_command_is_caught(asked, judged, command, missing, kind):
    """A server that does not look at the command, or at another one."""
    assert judged(asked(command, missing), "mediation")[0] == [f"unexpected-{kind}"]


def test_other_reason_is_caught(asked, judged):
    """No constraint denies a command."""
    assert judged(asked(0x6603, "ioctl", reason="constraint"), "mediation")[0] == ["reason"]


def test_command_that_is_not_told_is_unknown(asked, judged):
    """Without the operation nobody knows which command was asked for."""
    kinds, verdict = judged(asked(0x6603, op=False), "mediation")

    assert (kinds, verdict.valid) == ([], "unknown")


@pytest.mark.parametrize(("again", "kinds"), [(0x6603, []), (0x6604, ["denied-set"])])
def test_permissive_domain_is_remembered_by_command(asked, judged, loose, again, kinds):
    """One command let pass is granted the next time, and no other one (avc_xperms_allow_perm)."""
    asked(0x6603, "ioctl", **loose)
    history = asked(again, **loose)

    assert judged(history, "mediation")[0] == kinds


@pytest.mark.parametrize(
    ("command", "missing", "said", "kinds"),
    [
        (0x6603, "ioctl", " ioctlcmd=0x6603", []),
        (0xC0046603, "ioctl", " ioctlcmd=0x6603", []),
        (0x6603, "ioctl", "", ["line-missing", "line-extra"]),
        (0x6603, "ioctl", " ioctlcmd=0x6604", ["line-missing", "line-extra"]),
        (0x6603, "ioctl", " ioctlcmd=26115", ["line-grammar", "line-missing"]),
        (0x6602, "", " ioctlcmd=0x6602", []),
        (0x6604, "ioctl", " ioctlcmd=0x6604", ["audit-unexpected"]),
        (0x6601, "", " ioctlcmd=0x6601", ["audit-unexpected"]),
    ],
)
def test_line_names_the_command(asked, held, names, command, missing, said, kinds):
    """The kernel's ioctlcmd stands in the line; auditallowx and dontauditx say whether there is one."""
    history = asked(command, missing, audited=True)
    result, mode = ("denied", " permissive=0") if missing else ("granted", "")
    line = LINE.format(result=result, command=said, s=names["app"], t=names["obj"]("made_t"), mode=mode)
    judge = Judge(held, {"audit"})
    judge.feed(history.events)
    judge.feed_audit([line])

    assert [finding.kind for finding in judge.drain()] == kinds


def test_silence_that_the_rules_ask_for_is_right(asked, judged):
    """A denial of a command in dontauditx, and a grant of one that auditallowx does not name."""
    asked(0x6604, "ioctl", audited=False)
    history = asked(0x6601, audited=False)

    assert judged(history, "audit")[0] == []


def test_open_for_neither_reading_nor_writing_has_no_command(history, judged, names):
    """It asks `ioctl` too (file_mask_to_av), by the access vector alone."""
    history.creates()
    history.recv("Mds/Open", history.op("open", path="/f", flags=3), place={"fid": names["file"]})
    history.avc("file_open", "file", "ioctl", names["obj"]("made_t"), obj=names["file"], audited=True)

    assert judged(history, "audit")[0] == []
