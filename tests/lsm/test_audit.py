import shutil
import subprocess

import pytest

from lsm import audit
from lsm.objects import Decision, Fid, Subject

ASKER = Subject(1000, 1000, pid=4711, comm="cat")
S, T = "user_u:user_r:user_t:s0", "user_u:object_r:ro_t:s0"
AT = 1_700_000_000_123_456_789


def record(subject: Subject = ASKER, *, requested=("read", "write"), denied=(), tclass="file", **fields) -> str:
    found = Decision("inode_permission", "selinux", requested, denied, S, T, tclass, not denied, **fields)
    return audit.record(found, subject, AT, 7, "mds0")


def test_a_denial() -> None:
    """The kernel's own line: two blanks after avc: and for, the missing permissions, permissive= at the end."""
    assert record(denied=("write",), name="f", fid=Fid(1, 12)) == (
        "node=mds0 type=AVC msg=audit(1700000000.123:7): avc:  denied  { write } for  pid=4711 "
        f'comm="cat" name="f" dev="mds0" ino=12 scontext={S} tcontext={T} tclass=file permissive=0'
    )


def test_a_grant_names_the_whole_query_and_no_mode() -> None:
    """`granted`, all that was asked, and no permissive=."""
    assert record() == (
        "node=mds0 type=AVC msg=audit(1700000000.123:7): avc:  granted  { read write } for  pid=4711 "
        f'comm="cat" scontext={S} tcontext={T} tclass=file'
    )


def test_a_permissive_denial() -> None:
    """A denial that was let pass says permissive=1."""
    assert record(denied=("read",), permissive=True).endswith(" tclass=file permissive=1")


@pytest.mark.parametrize("denied", [("read", "write"), ()])
def test_only_what_a_rule_wants_told_is_named(denied) -> None:
    """Of a query that dontaudit or auditallow covers in part, the rest (sad.audited in avc_audit_pre_callback)."""
    assert "{ write } for" in record(denied=denied, told=("write",))


@pytest.mark.parametrize(("cap", "tclass", "number"), [("mknod", "capability", 27), ("mac_admin", "capability2", 33)])
def test_a_capability_has_its_number(cap, tclass, number) -> None:
    """capability=, with the second blank that the kernel prints after it."""
    line = record(requested=(cap,), denied=(cap,), tclass=tclass)

    assert f' comm="cat" capability={number}  scontext=' in line


def test_an_ioctl_has_its_command() -> None:
    """ioctlcmd=, as a short in hex, behind the object (LSM_AUDIT_DATA_IOCTL_OP); nothing else has one."""
    line = record(requested=("ioctl",), denied=("ioctl",), fid=Fid(1, 12), ioctlcmd=0xC0046601)

    assert f' comm="cat" dev="mds0" ino=12 ioctlcmd=0x6601 scontext={S}' in line
    assert "ioctlcmd" not in record(requested=("ioctl",), denied=("ioctl",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain-name.txt", '"plain-name.txt"'),
        ("a b", "612062"),
        ('a"b', "612262"),
        ("a\nb", "610A62"),
        ("é", "C3A9"),
        ("\udcff", "FF"),
        ("\x7f", "7F"),
        ("", '""'),
    ],
)
def test_untrusted_strings(text, told) -> None:
    """Quoted, or upper-case hex where a byte is blank, quote, control or not ASCII."""
    assert audit.untrusted(text) == told


def test_a_hostile_name_stays_on_its_line() -> None:
    """Neither name nor comm can end the record or forge a field."""
    forged = 'x" permissive=1\ntype=AVC'

    line = record(Subject(0, 0, comm=forged), denied=("read",), name=forged)

    assert "\n" not in line
    assert line.count("permissive=") == 1


@pytest.mark.parametrize(
    ("option", "says"),
    [("-w", "Missing type enforcement (TE) allow rule."), ("", "allow user_t ro_t:file write;")],
)
def test_the_policy_tools_read_it(option, says, binary, tmp_path) -> None:
    """audit2why and audit2allow take a denial for what it is, under the policy that denied it."""
    if (tool := shutil.which("audit2allow")) is None:
        pytest.skip("audit2allow (policycoreutils-python-utils) is not installed")
    log, policy = tmp_path / "audit.log", tmp_path / "policy.33"
    log.write_text(record(denied=("write",), name="f", fid=Fid(1, 12)) + "\n")
    policy.write_bytes(binary)

    told = subprocess.run(
        [tool, "-p", str(policy), *option.split(), "-i", str(log)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert says in told.stdout
