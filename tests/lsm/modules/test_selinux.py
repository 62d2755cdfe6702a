"""What the module adds to the security server: steps, modes and labels as security/selinux/hooks.c has them."""

import errno
import os

import pytest

from lsm import dac
from lsm.framework import Framework, Mediator
from lsm.hooks import MAY_READ, MAY_WRITE
from lsm.modules.capability import ALL, Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Caps, Denied, Obj, Subject

XATTR = "security.selinux"
HOME = "user_u:object_r:home_t:s0"
UNKNOWN = b"user_u:object_r:tomorrow_t:s0"


@pytest.fixture
def getattr_of(framework, task, thing, perform):
    """getattr of a file by its type, for a domain."""

    def run(type_, domain="user_t", **fields):
        return perform(framework, task(domain), "getattr", object=thing(type_, **fields))

    return run


@pytest.fixture
def relabel(framework, task, thing, fs, perform):
    """`relabel("home_t", b"context")`: setxattr of the label of a file of that type."""

    def run(old, value, subject=None, **fields):
        asked = {"name": XATTR, "value": value, "fs": fs}
        return perform(framework, subject or task(), "setxattr", object=thing(old, **fields), **asked)

    return run


@pytest.fixture
def hardly(policy, task):
    """A policy of a few lines: class file, `known` allowed, and what handle_unknown the test names."""

    def make(unknown: str) -> SecurityServer:
        return SecurityServer(
            Policy.parse(
                f"(handleunknown {unknown}) (mls false) (class file (known)) (classorder (file)) (sid kernel) "
                "(sid file) (sid unlabeled) (sidorder (kernel file unlabeled)) (user u) (role r) (role object_r) "
                "(userrole u r) (userrole u object_r) (type t) (roletype r t) (roletype object_r t) "
                "(sidcontext kernel (u r t)) (sidcontext file (u r t)) (sidcontext unlabeled (u r t)) "
                "(allow t t (file (known)))\n".replace(") (", ")\n(")
            )
        )

    return make


# --- decisions ---------------------------------------------------------------------------------------------------


def test_a_denial_says_why(getattr_of) -> None:
    """Missing permissions, both contexts, class, reason, seqno, digest; audited and EACCES."""
    denied = getattr_of("secret_t")
    found = denied.error.decision

    assert (found.scontext, found.tcontext, found.tclass) == (
        "user_u:user_r:user_t:s0", "user_u:object_r:secret_t:s0", "file",
    )  # fmt: skip
    assert (found.requested, found.denied, found.reason) == (("getattr",), ("getattr",), "te")
    assert (found.allowed, found.permissive, found.audited, found.errno) == (False, False, True, errno.EACCES)
    assert (found.seqno, found.digest, found.module, found.hook) == (1, "d1", "selinux", "inode_getattr")


@pytest.mark.parametrize(
    ("type_", "reason"), [("home_t", ""), ("secret_t", "te"), ("user_u:object_r:home_t:s0:c3", "mls")]
)
def test_the_reason(getattr_of, type_, reason) -> None:
    """Nothing for a grant, te for a missing rule, mls for a category that the subject lacks."""
    assert getattr_of(type_).decisions[0].reason == reason


def test_a_grant_is_silent_unless_auditallow(framework, task, thing, perform) -> None:
    """auditallow puts a grant on record, and only the permission that it names."""
    mask = {"flags": os.O_WRONLY | os.O_APPEND, "mask": MAY_WRITE | 8}

    opened = perform(framework, task(), "open", object=thing("log_t"), **mask).decisions
    home = perform(framework, task(), "open", object=thing("home_t"), **mask).decisions

    assert [(d.audited, d.requested, d.told) for d in opened] == [
        (True, ("append",), ("append",)),
        (True, ("append", "open"), ("append",)),
    ]
    assert [(d.audited, d.told) for d in home] == [(False, ()), (False, ())]


@pytest.mark.parametrize(
    ("kind", "flags", "asked"),
    [
        ("file", os.O_RDONLY | os.O_APPEND, [{"read", "append"}, {"read", "open"}]),
        ("dir", os.O_RDONLY | os.O_APPEND, [{"read"}, {"read", "open"}]),
        ("file", 3, [{"read", "write"}, {"ioctl", "open"}]),
    ],
)
def test_what_open_asks_and_what_the_open_file_is(framework, task, thing, perform, kind, flags, asked) -> None:
    """The way there asks for what the flags name, the open file for what it can do (file_mask_to_av, file_to_av)."""
    opened = perform(framework, task(), "open", object=thing("home_t", kind), flags=flags, mask=dac.file_mask(flags))

    assert [set(decision.requested) for decision in opened.decisions] == asked


def test_dontaudit_denies_in_silence(getattr_of) -> None:
    """The same denial, not on record."""
    hushed = getattr_of("hush_t")

    assert (hushed.errno, hushed.error.decision.audited) == (errno.EACCES, False)


def test_a_permissive_domain_is_denied_and_let_pass(getattr_of) -> None:
    """The decision says what is missing and that it passed; it is audited once, then granted until the flush."""
    first, second = getattr_of("secret_t", "debug_t"), getattr_of("secret_t", "debug_t")
    found = first.decisions[0]

    assert (first.errno, found.denied, found.allowed, found.permissive, found.audited) == (
        0, ("getattr",), True, True, True,
    )  # fmt: skip
    assert [(d.denied, d.permissive, d.audited) for d in second.decisions] == [((), False, False)]


def test_a_flush_brings_the_permissive_denial_back(getattr_of, selinux, server) -> None:
    """As after a policy load, a boolean change or setenforce."""
    getattr_of("secret_t", "debug_t")

    selinux.avc.flush(server.seqno)

    assert getattr_of("secret_t", "debug_t").decisions[0].denied == ("getattr",)


def test_another_permission_is_denied_on_its_own(framework, getattr_of, task, thing, perform) -> None:
    """What was granted after a permissive denial is that permission only."""
    getattr_of("secret_t", "debug_t")

    readable = perform(framework, task("debug_t"), lambda m: m.check("inode_permission", thing("secret_t"), MAY_READ))

    assert readable.checks == ["secret_t file { read } denied { read }"]


def test_permissive_mode(server, getattr_of) -> None:
    """Every domain's denial is let pass, and says so."""
    server.enforcing = False

    passed = getattr_of("secret_t")

    assert (passed.errno, passed.decisions[0].denied, passed.decisions[0].permissive) == (0, ("getattr",), True)


def test_a_permissive_domain_does_not_help_with_associate(relabel, task) -> None:
    """The source of `associate` is the file's own label: EACCES for debug_t, as in the kernel."""
    refused = relabel("home_t", b"user_u:object_r:noassoc_t:s0", task("debug_t"))

    assert refused.errno == errno.EACCES
    assert refused.checks[-1] == "lustre_fs_t filesystem { associate } denied { associate }"
    assert refused.error.decision.scontext == "user_u:object_r:noassoc_t:s0"


@pytest.mark.parametrize(("enforcing", "error"), [(True, errno.EPERM), (False, 0)])
def test_a_permissive_domain_does_not_help_with_validatetrans(server, relabel, task, enforcing, error) -> None:
    """special_t never changes type: EPERM, also for debug_t; permissive mode lets it pass."""
    server.enforcing = enforcing

    for domain in ("user_t", "debug_t"):
        outcome = relabel("special_t", HOME.encode(), task(domain))
        judged = next(d for d in outcome.decisions if d.reason == "constraint")
        assert (outcome.errno, judged.permissive, judged.audited) == (error, not enforcing, False)


@pytest.mark.parametrize(("pid", "error"), [(0, 0), (1000, errno.EPERM)])
def test_validatetrans_is_of_the_task_and_not_of_the_node(server, relabel, monkeypatch, pid, error) -> None:
    """A node that passes a relabel on is not asked; a task with the kernel's context is like any other."""
    monkeypatch.setattr(server, "validatetrans", lambda old, new, task, tclass: False)
    kernel = server.sid_to_context(server.initial_sid("kernel"))

    outcome = relabel(
        "special_t", HOME.encode(), Subject(0, 0, caps=Caps(ALL, ALL), pid=pid, labels={"selinux": kernel})
    )

    assert outcome.errno == error


@pytest.mark.parametrize(("unknown", "error"), [("allow", 0), ("deny", errno.EACCES)])
def test_handle_unknown(hardly, unknown, error, thing, perform) -> None:
    """A permission and a class that the policy does not define: allowed or denied, as it says; denials audited."""
    framework = Framework([Selinux(hardly(unknown))])
    subject = Subject(0, 0, labels={"selinux": "u:r:t"})

    for kind in ("file", "dir"):
        outcome = perform(framework, subject, "getattr", object=thing("u:r:t", kind))
        assert outcome.errno == error
        assert [(d.denied, d.audited) for d in outcome.decisions] == [
            ((), False) if not error else (("getattr",), True)
        ]


# --- subjects and objects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "behaves_as"),
    [
        (None, "system_u:object_r:file_t:s0"),
        ("user_u:object_r:tomorrow_t:s0", "system_u:object_r:unlabeled_t:s0"),
        ("not a context", "system_u:object_r:unlabeled_t:s0"),
        ("", "system_u:object_r:unlabeled_t:s0"),
        ("user_u:object_r:home_t", HOME),
        ("user_u:object_r:home_t:s0:c3,c1,c2", "user_u:object_r:home_t:s0:c1.c3"),
    ],
)
def test_what_a_stored_label_means(framework, task, label, behaves_as) -> None:
    """None: the initial SID file; unknown or broken: unlabeled; a missing range is the superblock default's."""
    m = Mediator(framework, task("system_u:system_r:kernel_t:s0-s0:c0.c15"))

    m.check("inode_getattr", Obj("object", "file", {"selinux": label}))

    assert m.decisions[-1].tcontext == behaves_as


def test_an_unknown_label_becomes_real_with_a_policy_that_knows_it(framework, server, task, thing, perform) -> None:
    """The same label, another policy: what was unlabeled is a type of its own, and back again."""
    label = "user_u:object_r:tomorrow_t:s0"
    kernel = task("system_u:system_r:kernel_t:s0")
    today = server.policy

    def meaning() -> str:
        return perform(framework, kernel, "getattr", object=thing(label)).decisions[-1].tcontext

    before = meaning()
    server.load(_with_type(today, "tomorrow_t"))
    framework.module("selinux").avc.flush(server.seqno)
    during = meaning()
    server.load(today)
    framework.module("selinux").avc.flush(server.seqno)

    assert (before, during, meaning()) == (
        "system_u:object_r:unlabeled_t:s0",
        label,
        "system_u:object_r:unlabeled_t:s0",
    )


def _with_type(policy: Policy, name: str) -> Policy:
    from dataclasses import fields, replace

    known = {f.name: getattr(policy, f.name) for f in fields(policy)}
    attributes_of = dict(known["attributes_of"]) | {name: (name,)}
    return replace(policy, types=(*policy.types, name), attributes_of=attributes_of)


def test_a_subject_of_an_unknown_context_is_unlabeled(framework, task, thing, perform) -> None:
    """A task whose type a reload took away may do what unlabeled may: here, nothing."""
    gone = perform(framework, task("gone_t"), "getattr", object=thing("home_t"))

    assert (gone.errno, gone.error.decision.scontext) == (errno.EACCES, "system_u:object_r:unlabeled_t:s0")


@pytest.mark.parametrize("labels", [{}, {"selinux": ""}, {"selinux": "a\nb"}])
def test_a_subject_without_a_context_is_refused(framework, perform, thing, labels) -> None:
    """Fail closed: EACCES, without a decision."""
    refused = perform(framework, Subject(0, 0, labels=labels), "getattr", object=thing("home_t"))

    assert (refused.errno, refused.decisions) == (errno.EACCES, ())


# --- labels of new objects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({}, "user_u:object_r:newfile_t:s0"),
        ({"name": "special.txt"}, "user_u:object_r:special_t:s0"),
        ({"name": "special.txt", "fscreate": "user_u:object_r:log_t:s0"}, "user_u:object_r:log_t:s0"),
        ({"fscreate": "user_u:object_r:log_t:s0:c3,c1,c2"}, "user_u:object_r:log_t:s0:c1.c3"),
    ],
)
def test_the_label_of_a_new_object(framework, task, thing, fields, label) -> None:
    """Transition, name transition, and fscreate above both, in canonical form."""
    new = Obj("new", "file", name=fields.pop("name", "n"))
    m = Mediator(framework, task(**fields))

    assert m.labels("inode_init_security", thing("project_dir_t", "dir"), new) == {"selinux": label}


def test_create_is_asked_under_fscreate(framework, task, thing, fs, perform) -> None:
    """The new object's label is the one asked for, also where the filesystem refuses it."""
    outcome = perform(
        framework, task(fscreate="user_u:object_r:noassoc_t:s0"), "create", parent=thing("home_t", "dir"),
        new=Obj("new", "file", name="n"), fs=fs, exists=False,
    )  # fmt: skip

    assert outcome.errno == errno.EACCES
    assert outcome.checks[2:] == [
        "noassoc_t file { create }",
        "lustre_fs_t filesystem { associate } denied { associate }",
    ]


def test_a_new_label_that_is_not_valid_is_eacces(framework, task, thing) -> None:
    """What the rules compute may be no valid context: enforcing refuses (compute_sid_handle_invalid_context)."""
    m = Mediator(framework, task("staff_u:user_r:user_t:s0"))
    parent = thing("user_u:object_r:project_dir_t:s0", "dir")
    module = framework.module("selinux")
    module.server.compute_create = _refusing

    with pytest.raises(PermissionError) as error:
        m.labels("inode_init_security", parent, Obj("new", "fifo_file", name="n"))

    assert error.value.errno == errno.EACCES


def test_a_range_in_common_that_there_is_not_is_einval(framework, task, thing) -> None:
    """default_range glblub of ranges without a sensitivity in common (mls_context_glblub), in permissive mode too."""
    m = Mediator(framework, task("staff_u:user_r:user_t:s0"))
    framework.module("selinux").server.compute_create = _nothing_in_common

    with pytest.raises(OSError, match="glblub") as error:
        m.labels("inode_init_security", thing("project_dir_t", "dir"), Obj("new", "sock_file", name="n"))

    assert error.value.errno == errno.EINVAL


def test_a_tasks_own_attribute_is_canonical(framework, task) -> None:
    """As the text of its SID; what the policy does not know is kept as it is for fscreate only."""
    module = framework.module("selinux")

    assert module.setprocattr_context(task(), "exec", "user_u:object_r:log_t:s0:c3,c1,c2").endswith(":s0:c1.c3")
    assert module.setprocattr_context(task(), "fscreate", "no:such:context") == "no:such:context"


def _refusing(*_: object) -> int:
    from lsm.modules.selinux.context import ContextError

    raise ContextError("not valid")


def _nothing_in_common(*_: object) -> int:
    from lsm.modules.selinux.transition import NoCommonLevel

    raise NoCommonLevel("glblub")


def test_the_superblocks_label(framework, task) -> None:
    """fs_use by the filesystem's type; without a rule, what genfscon says of the root; else unlabeled."""
    m = Mediator(framework, task())

    assert m.labels("sb_set_mnt_opts", Obj("fs", "filesystem", name="lustre")) == {
        "selinux": "system_u:object_r:lustre_fs_t:s0"
    }
    assert m.labels("sb_set_mnt_opts", Obj("fs", "filesystem", name="proc")) == {
        "selinux": "system_u:object_r:proc_t:s0"
    }
    assert m.labels("sb_set_mnt_opts", Obj("fs", "filesystem", name="vfat")) == {
        "selinux": "system_u:object_r:unlabeled_t:s0"
    }


# --- relabel -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "last"),
    [
        ("norelabelfrom_t", "home_t", "norelabelfrom_t file { relabelfrom } denied { relabelfrom }"),
        ("home_t", "norelabelto_t", "norelabelto_t file { relabelto } denied { relabelto }"),
        ("home_t", "noassoc_t", "lustre_fs_t filesystem { associate } denied { associate }"),
    ],
)
def test_each_step_of_a_relabel_can_refuse(relabel, old, new, last) -> None:
    """EACCES at the step, and nothing is asked after it."""
    refused = relabel(old, f"user_u:object_r:{new}:s0".encode())

    assert (refused.errno, refused.checks[-1]) == (errno.EACCES, last)


def test_who_is_not_the_owner_learns_nothing(relabel, task) -> None:
    """EPERM before any query, also of garbage; CAP_FOWNER is asked of the policy first."""
    other = relabel("secret_t", b"garbage", uid=0)
    capable = relabel("home_t", HOME.encode(), task(caps=("fowner",)), uid=0)
    guest = relabel("home_t", HOME.encode(), task("guest_t", caps=("fowner",)), uid=0)

    assert (other.errno, other.decisions) == (errno.EPERM, ())
    assert (capable.errno, capable.checks[:2]) == (
        0, ["user_t capability { fowner }", "home_t file { relabelfrom }"],
    )  # fmt: skip
    assert (guest.errno, guest.checks) == (errno.EPERM, ["guest_t capability { fowner } denied { fowner }"])


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"garbage", HOME.encode() + b"\n", b"\0" + HOME.encode(), b"\xff", UNKNOWN, b"u:r:t:s0"]
)
def test_what_is_no_context_is_einval(relabel, value) -> None:
    """After relabelfrom, before anything about the new label."""
    refused = relabel("home_t", value)

    assert (refused.errno, refused.checks) == (errno.EINVAL, ["home_t file { relabelfrom }"])


@pytest.mark.parametrize("rest", [b"", b"\0", b"\0\0", b"\0x"])
def test_text_ends_at_its_first_nul_and_is_canonical(relabel, framework, task, thing, rest) -> None:
    """setxattr(2) with the C string's NUL, whatever is behind it; s0:c3,c1,c2 reads back as s0:c1.c3."""
    value = b"user_u:object_r:home_t:s0:c3,c1,c2" + rest
    subject = task("user_u:user_r:user_t:s0-s0:c0.c15")

    kept = Mediator(framework, subject).labels("inode_setsecurity", thing("home_t"), XATTR, value)

    assert relabel("home_t", value, subject).errno == 0
    assert kept == {"selinux": "user_u:object_r:home_t:s0:c1.c3"}


def test_other_attributes_are_kept_as_they_are(framework, task, thing) -> None:
    """inode_setsecurity answers for the module's own attribute only."""
    assert Mediator(framework, task()).labels("inode_setsecurity", thing("home_t"), "security.x", b"v") == {}


def test_an_unknown_context_may_be_stored_with_mac_admin(framework, relabel, task, thing) -> None:
    """capability2{mac_admin} after relabelfrom; the label then behaves as unlabeled and is kept as its text."""
    admin = task("staff_u:staff_r:admin_t:s0-s0:c0.c15", caps=("mac_admin",))

    stored = relabel("home_t", UNKNOWN, admin)
    kept = Mediator(framework, admin).labels("inode_setsecurity", thing("home_t"), XATTR, UNKNOWN)

    assert stored.checks == [
        "home_t file { relabelfrom }",
        "admin_t capability2 { mac_admin }",
        "unlabeled_t file { relabelto }",
        "lustre_fs_t filesystem { associate }",
    ]
    assert kept == {"selinux": UNKNOWN.decode()}


def test_without_the_policys_mac_admin_an_unknown_context_is_einval(relabel, task) -> None:
    """The capability alone does not do: the query is denied, and the errno is EINVAL, not EPERM."""
    refused = relabel("home_t", UNKNOWN, task(caps=("mac_admin",)))

    assert refused.errno == errno.EINVAL
    assert refused.checks == ["home_t file { relabelfrom }", "user_t capability2 { mac_admin } denied { mac_admin }"]


@pytest.mark.parametrize("value", [b"a\nb", b"user_u:object_r:home_t:s0\n", b"\0", b"<<none>>"])
def test_mac_admin_stores_whatever_the_bytes_are(relabel, task, value) -> None:
    """A newline, or nothing before the NUL, is kept: it is what counts as unlabeled (security_context_to_sid_force)."""
    admin = task("staff_u:staff_r:admin_t:s0", caps=("mac_admin",))

    assert relabel("home_t", value, admin).checks[1:3] == [
        "admin_t capability2 { mac_admin }", "unlabeled_t file { relabelto }"
    ]  # fmt: skip


def test_mac_admin_does_not_store_an_empty_label(relabel, task) -> None:
    """EINVAL all the same."""
    admin = task("staff_u:staff_r:admin_t:s0", caps=("mac_admin",))

    assert relabel("home_t", b"", admin).errno == errno.EINVAL


def test_a_relabel_without_a_range_is_of_what_does_not_parse(relabel, task) -> None:
    """The range that stands in for a missing one is for what is read from a disk, not for what a caller says."""
    admin = task("staff_u:staff_r:admin_t:s0", caps=("mac_admin",))

    assert "unlabeled_t file { relabelto }" in relabel("home_t", b"user_u:object_r:home_t", admin).checks


@pytest.mark.parametrize("enforcing", [True, False])
def test_a_label_is_never_removed(server, framework, task, thing, perform, enforcing) -> None:
    """EACCES without a query, for anybody and in permissive mode too."""
    server.enforcing = enforcing
    admin = task("staff_u:staff_r:admin_t:s0", caps=("sys_admin", "mac_admin"))

    refused = perform(framework, admin, "removexattr", object=thing("home_t"), name=XATTR)

    assert (refused.errno, refused.checks) == (errno.EACCES, [])


# --- a task's own attributes -------------------------------------------------------------------------------------


def attribute(framework: Framework, subject: Subject, attr: str, value: str | None) -> Mediator:
    m = Mediator(framework, subject)
    m.check("setprocattr", attr, value)
    return m


@pytest.mark.parametrize("attr", ["fscreate", "sockcreate", "keycreate"])
@pytest.mark.parametrize("value", ["user_u:user_r:user_t:s0", None])
def test_a_tasks_own_attributes(framework, task, attr, value) -> None:
    """process{set...} on oneself, whether set or cleared."""
    m = attribute(framework, task(), attr, value)

    assert (m.decisions[0].requested, m.decisions[0].tclass) == ((f"set{attr}",), "process")
    assert m.decisions[0].scontext == m.decisions[0].tcontext


def test_current_is_a_transition_too(framework, task, server) -> None:
    """process{setcurrent} on oneself, then {dyntransition} to the new context."""
    server.enforcing = False

    m = attribute(framework, task(), "current", "user_u:user_r:debug_t:s0")

    assert [(d.requested, d.tcontext.split(":")[2]) for d in m.decisions] == [
        (("setcurrent",), "user_t"), (("dyntransition",), "debug_t")
    ]  # fmt: skip


def test_keycreate_asks_for_the_key_too(framework, task) -> None:
    """key{create} on the new context; clearing asks nothing more."""
    own = "user_u:user_r:user_t:s0"

    with pytest.raises(Denied) as denied:
        attribute(framework, task(), "keycreate", "user_u:object_r:secret_t:s0")

    assert attribute(framework, task(), "keycreate", own).decisions[-1].requested == ("create",)
    assert len(attribute(framework, task(), "keycreate", None).decisions) == 1
    assert (denied.value.decision.tclass, denied.value.decision.denied) == ("key", ("create",))


def test_setfscreate_can_be_denied_and_comes_before_parsing(framework, task) -> None:
    """EACCES for a domain without it, even for garbage; EINVAL for who has it."""
    with pytest.raises(Denied) as denied:
        attribute(framework, task("nofscreate_t"), "fscreate", "garbage")
    with pytest.raises(OSError, match="not a context") as invalid:
        attribute(framework, task(), "fscreate", "garbage")

    assert (denied.value.errno, denied.value.decision.denied) == (errno.EACCES, ("setfscreate",))
    assert (invalid.value.errno, isinstance(invalid.value, Denied)) == (errno.EINVAL, False)


def test_fscreate_may_be_unknown_with_mac_admin(framework, task, thing) -> None:
    """Then a new object keeps the text; keycreate never may."""
    admin = task("staff_u:staff_r:admin_t:s0", caps=("mac_admin",), fscreate=UNKNOWN.decode())

    m = attribute(framework, admin, "fscreate", UNKNOWN.decode())
    made = m.labels("inode_init_security", thing("home_t", "dir"), Obj("new", "file", name="n"))

    assert m.decisions[-1].requested == ("mac_admin",)
    assert made == {"selinux": UNKNOWN.decode()}
    with pytest.raises(OSError, match="not a context"):
        attribute(framework, admin, "keycreate", UNKNOWN.decode())


# --- capabilities and the policy itself --------------------------------------------------------------------------


@pytest.mark.parametrize(("cap", "tclass"), [(0, "capability"), (33, "capability2")])
def test_a_capability_is_the_domains_too(framework, task, cap, tclass) -> None:
    """cred_has_capability: subject on itself, by the class of the number; EPERM."""
    m = Mediator(framework, task("guest_t", caps=("chown", "mac_admin")))

    with pytest.raises(Denied) as denied:
        m.check("capable", cap)

    assert (denied.value.errno, denied.value.decision.tclass) == (errno.EPERM, tclass)
    assert not Mediator(Framework([Capability()]), task("guest_t")).capable(cap)


@pytest.mark.parametrize(
    ("hook", "perm"),
    [("policy_load", "load_policy"), ("policy_setenforce", "setenforce"), ("policy_setbool", "setbool")],
)
def test_the_policys_own_administration(framework, task, hook, perm) -> None:
    """security{...} on the initial SID `security`: for admin_t, not for user_t."""
    admin = Mediator(framework, task("staff_u:staff_r:admin_t:s0"))

    admin.check(hook, Obj("security", "security"))
    with pytest.raises(Denied):
        Mediator(framework, task()).check(hook, Obj("security", "security"))

    assert (admin.decisions[0].requested, admin.decisions[0].tcontext) == (
        (perm,), "system_u:object_r:security_t:s0",
    )  # fmt: skip
