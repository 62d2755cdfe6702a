"""The checker *mediation* on histories made by hand."""

import pytest

from harness.checkers import Judge
from harness.model import access


def getattr_denied(history, names, **fields):
    """other_t looks up dir_t's child and is refused its attributes; fields change the decision."""
    history.subject("other", names["other"])
    history.task("t2", "other")
    history.root("other", names["other"])
    history.looks_up(subject="other", context=names["other"])
    op = history.op("stat", "t2", path="/s")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]}, subject="other")
    facts = {"scontext": names["other"], "obj": names["file"]} | fields
    tcontext = facts.pop("tcontext", names["obj"]("secret_t"))
    history.denied("inode_getattr", "file", "getattr", tcontext, facts.pop("missing", "getattr"), **facts)
    history.reply(13)
    return op


@pytest.fixture
def secret(history, names):
    """A history with a file labelled secret_t by way of fscreate."""
    history.subject("app", names["app"], fscreate=names["obj"]("secret_t"))
    history.recv("Mds/Mknod", None, place={"parent": names["root"], "name": "s"})
    history.label(names["file"], names["obj"]("secret_t"), why="fscreate", parent=names["root"], name="s")
    return history


def test_whole_operations_are_valid_and_confirmed(history, judged, held, names):
    """Creating, looking at and relabelling a file is in order, and libsepol agrees with every decision."""
    history.creates()
    history.looks_up()
    history.stats()
    history.relabels()
    decisions = [event for event in history.events if event["e"] == "avc"]
    judge = Judge(held, {"mediation"})
    judge.feed(history.events)

    assert judge.drain() == []
    assert judge.checkers[0].confirmed == len(decisions) == 15
    assert judge.verdicts()[0].valid == "valid"


def test_denial_that_libsepol_confirms_is_valid(secret, judged, names):
    """A denial that names exactly what is missing, with its reason, is right."""
    getattr_denied(secret, names)

    assert judged(secret, "mediation")[0] == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("unexpected-allow", {"allowed": True, "missing": ""}),
        ("denied-set", {"missing": ""}),
        ("reason", {"reason": "constraint"}),
        ("permissive", {"permissive": True}),
        ("false-scontext", {"scontext": "u:r:app_t:s0"}),
        ("false-tcontext", {"tcontext": "u:object_r:made_t:s0"}),
        ("wrong-policy", {"policy": "0" * 64}),
    ],
)
def test_wrong_denial_is_caught(secret, judged, names, kind, fields):
    """Each thing that can be wrong with a denial is a finding of its own."""
    getattr_denied(secret, names, **fields)

    assert kind in judged(secret, "mediation")[0]


def test_unexpected_deny_is_caught(history, judged, names):
    """A denial of what the policy allows is a finding."""
    history.creates()
    op = history.op("stat", path="/f")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]})
    history.denied("inode_getattr", "file", "getattr", names["obj"]("made_t"), "getattr", obj=names["file"])
    history.reply(13)

    assert judged(history, "mediation")[0] == ["unexpected-deny"]


def test_denial_by_constraint_is_told_from_te(history, judged, names):
    """Reading up is denied by the MLS constraint, and te is not the reason."""
    history.subject("app", names["app"], fscreate=names["obj"]("high_t", "s1"))
    history.recv("Mds/Mknod", None, place={"parent": names["root"], "name": "h"})
    history.label(names["file"], names["obj"]("high_t", "s1"), why="fscreate", parent=names["root"], name="h")
    facts = {
        "obj": names["file"],
        "rpc": None,
        "op": history.op("stat", path="/h"),
        "vantage": "client",
        "n": "client0",
    }
    history.denied("inode_getattr", "file", "getattr", names["obj"]("high_t", "s1"), "getattr", reason="mls", **facts)
    good = judged(history, "mediation")[0]
    history.denied("inode_getattr", "file", "getattr", names["obj"]("high_t", "s1"), "getattr", reason="te", **facts)

    assert good == []
    assert judged(history, "mediation")[0] == ["reason"]


def test_wrong_class_is_caught(history, judged, names):
    """A decision by another class than the object's is a finding."""
    history.creates()
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.denied("inode_getattr", "lnk_file", "getattr", names["obj"]("made_t"), "getattr", obj=names["file"])

    assert judged(history, "mediation")[0] == ["false-tclass"]


@pytest.mark.parametrize("second", ["", "getattr"])
def test_permissive_domain_passes_and_is_remembered(secret, judged, names, second):
    """What a permissive domain was let do once may be granted silently from then on."""
    secret.subject("loose", names["loose"])
    for missing in ("getattr", second):
        secret.recv("Mds/Getattr", None, place={"fid": names["file"]}, subject="loose")
        facts = {"scontext": names["loose"], "allowed": True, "permissive": True, "reason": "te", "obj": names["file"]}
        secret.denied("inode_getattr", "file", "getattr", names["obj"]("secret_t"), missing, **facts)

    assert judged(secret, "mediation")[0] == []


def test_permissive_pass_without_a_denial_before_is_caught(secret, judged, names):
    """The first time, a permissive domain's missing permission has to be named; a policy event begins anew."""
    secret.subject("loose", names["loose"])
    secret.recv("Mds/Getattr", None, place={"fid": names["file"]}, subject="loose")
    facts = {"scontext": names["loose"], "allowed": True, "permissive": True, "reason": "te", "obj": names["file"]}
    secret.denied("inode_getattr", "file", "getattr", names["obj"]("secret_t"), "getattr", **facts)
    secret.policy_event("mds0")
    secret.denied("inode_getattr", "file", "getattr", names["obj"]("secret_t"), "", **facts)

    assert judged(secret, "mediation")[0] == ["denied-set"]


def test_boolean_decides_from_its_event_on(history, judged, names):
    """A decision is judged under the booleans that stood at its sequence number."""
    history.subject("app", names["app"], fscreate=names["obj"]("bool_t"))
    history.recv("Mds/Mknod", None, place={"parent": names["root"], "name": "b"})
    history.label(names["file"], names["obj"]("bool_t"), why="fscreate", parent=names["root"], name="b")
    asked = ("inode_getattr", "file", "getattr", names["obj"]("bool_t"))
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.policy_event("mds0", booleans={"app_bool": True}, seqno=2)
    history.avc(*asked, obj=names["file"], seqno=2)
    history.denied(*asked, "getattr", obj=names["file"], seqno=1)
    good = judged(history, "mediation")[0]
    history.avc(*asked, obj=names["file"], seqno=1)

    assert good == []
    assert judged(history, "mediation")[0] == ["unexpected-allow"]


@pytest.mark.parametrize("to", ["/g", "g"])
@pytest.mark.parametrize("carried", ["about", "first"])
def test_rename_over_a_file_is_valid(history, judged, names, carried, to):
    """Each query is compared with the label of what it is about, whichever FID of the hook its event carries."""
    root, other = names["root"], "[0x1:0x3:0x0]"
    history.creates("f")
    history.creates("g", other)
    op = history.op("rename", path="/f", to=to)
    checks = access.expected("rename", "replace", walk=True)
    labels = {"parent": names["obj"]("dir_t"), "newparent": names["obj"]("dir_t")}
    labels |= dict.fromkeys(("object", "target"), names["obj"]("made_t"))
    fids = {"parent": root, "newparent": root, "object": names["file"], "target": other}
    history.recv("Mds/Rename", op, place={"parent": root, "name": "f"})
    history.asked(checks, labels, fids if carried == "about" else dict.fromkeys(fids, root))
    history.reply(case="replace", fired=history.fires(checks, fids))

    assert judged(history, "mediation")[0] == []


@pytest.mark.parametrize("hook", ["inode_permission", "inode_create", "inode_init_security", "file_open"])
def test_skipped_hook_is_caught_by_name(history, judged, hook):
    """A server that skips one hook of a create is found, and the finding names the hook."""
    history.creates(skip=(hook,))

    kinds, verdict = judged(history, "mediation")
    assert kinds[0] == "hook-missing"
    assert hook in verdict.because


def test_hook_on_another_object_is_no_firing(history, judged, names):
    """A hook that fired on another object than the one named has not fired."""
    history.creates()
    op = history.op("stat", path="/f")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]})
    history.avc("inode_getattr", "file", "getattr", names["obj"]("made_t"), obj=names["file"])
    history.reply(case="stat", fired=[["inode_getattr", "object", names["root"], 1]])

    assert judged(history, "mediation")[0] == ["hook-missing"]


def test_hook_that_asked_nothing_is_caught(history, judged, names):
    """A hook that fired without its query is a finding."""
    history.creates()
    op = history.op("stat", path="/f")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]})
    history.reply(case="stat", fired=[["inode_getattr", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == ["check-missing"]


def test_query_too_many_is_caught(history, judged, names):
    """A query that the kernel does not make is a finding."""
    history.creates()
    op = history.op("stat", path="/f")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]})
    for perm in ("getattr", "read"):
        history.avc("inode_getattr", "file", perm, names["obj"]("made_t"), obj=names["file"])
    history.reply(case="stat", fired=[["inode_getattr", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == ["check-extra"]


def test_failed_call_in_wrong_order_is_caught(history, judged, names):
    """A call that failed must have asked the first steps first: unlink asks the directory before the file."""
    history.creates()
    op = history.op("unlink", path="/f")
    history.recv("Mds/Unlink", op, place={"parent": names["root"], "name": "f"})
    history.avc("inode_unlink", "file", "unlink", names["obj"]("made_t"), obj=names["file"])
    history.reply(2)

    assert judged(history, "mediation")[0] == ["check-order"]


def test_readdir_with_attributes_owes_a_search(history, judged, names):
    """Telling the entries' attributes without asking for search is found, whatever case the reply claims."""
    op = history.op("readdir", path="/", plus=True)
    history.recv("Mds/Readdir", op, place={"handle": "00"})
    history.reply(case="names", fired=[["file_permission", "object", names["root"], 1]])

    assert "hook-missing" in judged(history, "mediation")[0]


def test_false_case_is_caught(history, judged, names):
    """The case that the handler took is recomputed."""
    history.creates()
    op = history.op("stat", path="/f")
    checks = access.expected("getattr", "stat")
    history.recv("Mds/Getattr", op, place={"fid": names["file"]})
    history.asked(checks, {"object": names["obj"]("made_t")}, {"object": names["file"]})
    history.reply(case="open", fired=history.fires(checks, {}))

    assert judged(history, "mediation")[0] == ["case"]


def test_acting_while_denied_is_caught(history, judged, names):
    """A refused call must have changed nothing."""
    history.creates()
    op = history.op("chmod", path="/f", mode=0o600)
    history.recv("Mds/Setattr", op, place={"fid": names["file"]})
    history.reply(13, transno=7)

    assert judged(history, "mediation")[0] == ["acted-while-denied"]


def test_checks_after_acting_are_caught(history, judged):
    """A server that stores first and asks then is found, though every check was made."""
    history.creates(late=True)

    kinds, _ = judged(history, "mediation")
    assert set(kinds) == {"checked-after-acting"}


def test_open_denied_after_create_leaves_the_file(history, judged, names):
    """file_open's denial of a file that was just created leaves the file behind, as in the kernel: no finding."""
    history.subject("app", names["app"], fscreate=names["obj"]("secret_t"))
    op = history.op("open", path="/n", flags="O_WRONLY|O_CREAT")
    history.recv("Mds/Open", op, place={"parent": names["root"], "name": "n"})
    for perms in ("search", "write search"):
        history.avc("inode_permission", "dir", perms, names["obj"]("dir_t"), obj=names["root"])
    history.avc("inode_create", "dir", "add_name search", names["obj"]("dir_t"), obj=names["root"])
    facts = {"vantage": "server", "obj": None}
    history.avc("inode_create", "filesystem", "associate", names["fs"], scontext=names["obj"]("secret_t"), **facts)
    history.label(names["file"], names["obj"]("secret_t"), why="fscreate", parent=names["root"], name="n")
    history.denied("file_open", "file", "write open", names["obj"]("secret_t"), "write open", obj=names["file"])
    history.reply(13, transno=1)

    assert "acted-while-denied" not in judged(history, "mediation")[0]
    assert "checked-after-acting" not in judged(history, "mediation")[0]


def test_removed_label_is_caught(history, judged, names):
    """security.selinux can never be removed."""
    history.creates()
    op = history.op("removexattr", path="/f", name="security.selinux")
    history.recv("Mds/Removexattr", op, place={"fid": names["file"]})
    history.reply(case="attr", fired=[["inode_removexattr", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == ["label-removed"]


def test_broken_contract_is_passed_on(history, judged):
    """What the server itself found broken is a finding."""
    history.recv("Mds/Statfs", None)
    history.reply(13, finding="sb_statfs must fire before the reply")

    assert judged(history, "mediation")[0] == ["contract"]


def test_server_is_asked_as_itself_and_for_the_subject(history, judged, names):
    """An rpc between servers is checked for the server and for whom it acts; one of the two alone is a finding."""
    history.creates()
    data = names["obj"]("data_t")
    history.subject("mds", names["kernel"])
    op = history.op("setxattr", path="/f", name="security.selinux", value=data)
    checks = access.expected("ost_setlabel", "relabel")
    labels = {"object": names["obj"]("made_t"), "new": data, "fs": names["fs"]}
    sides = ({"scontext": names["kernel"]}, {"behalf": True})
    for count in (2, 1):
        history.recv(
            "Oss/SetLabel", op, n="oss0", subject="mds", behalf="app", came="mds0", place={"fid": names["file"]}
        )
        for side in sides[:count]:
            history.asked(checks, labels, {"object": names["file"]}, **side)
        history.reply(case="relabel", fired=history.fires(checks, {}))

    assert judged(history, "mediation")[0] == ["check-missing"]


def test_server_that_tells_of_a_mode_acts_for_nobody(history, judged, names):
    """The MDS was asked; an object server asks whether the MDS may, and without that it is a finding."""
    history.creates()
    history.subject("mds", names["kernel"])
    op = history.op("chmod", path="/f")
    checks = access.expected("ost_setattr", "attr")
    for count in (1, 0):
        history.recv("Oss/Setattr", op, n="oss0", subject="mds", came="mds0", place={"fid": names["file"]})
        for _ in range(count):
            labels = {"object": names["obj"]("made_t")}
            history.asked(checks, labels, {"object": names["file"]}, scontext=names["kernel"])
        history.reply(case="attr", fired=history.fires(checks, {}))

    assert judged(history, "mediation")[0] == ["check-missing"]


@pytest.mark.parametrize("vantage", ["agent", "client"])
def test_decision_of_a_clients_own_is_about_the_task(history, judged, names, vantage):
    """What a client node decides within the harness's call is decided for the task, not for the harness."""
    history.creates()
    history.recv("Agent/Syscall", history.op("stat", path="/f"), n="client0", subject=None, came="harness")
    asked = ("inode_getattr", "file", "getattr", names["obj"]("made_t"))
    history.avc(*asked, obj=names["file"], vantage=vantage)
    good = judged(history, "mediation")
    history.avc(*asked, obj=names["file"], vantage=vantage, scontext=names["other"])

    assert (good[0], good[1].valid) == ([], "valid")
    assert judged(history, "mediation")[0] == ["false-scontext"]


def test_capability_asked_inside_another_hook_is_in_order(history, judged, names):
    """The capability for another's file stands before relabelfrom, under the hook that asked for it."""
    history.creates()
    history.subject("app", names["app"])
    op = history.op("setxattr", path="/f", name="security.selinux", value=names["obj"]("data_t"))
    checks = access.expected("setxattr", "label")
    history.recv("Mds/Setxattr", op, place={"fid": names["file"]})
    history.denied("inode_setxattr", "capability", "fowner", names["app"], "fowner", role="subject")
    labels = {"object": names["obj"]("made_t"), "new": names["obj"]("data_t"), "fs": names["fs"]}
    for vantage in ("server", "recheck"):
        history.asked(checks, labels, {"object": names["file"]}, vantage=vantage)
    history.reply(case="label", fired=history.fires(checks, {}))

    assert judged(history, "mediation")[0] == []


def test_distributed_call_that_does_not_check_again_is_caught(history, judged):
    """A relabel of a file is checked once more when its OSTs have answered; what is asked then is asked in full."""
    history.creates()
    history.relabels(again=False)

    assert judged(history, "mediation")[0] == ["check-missing"]


@pytest.mark.parametrize(
    ("value", "fields", "kinds"),
    [
        ("data_t", {"version": 2}, []),
        ("made_t", {"version": 1}, ["stale"]),
        ("data_t", {"version": 2, "seqno": 0}, ["stale"]),
        ("made_t", {"version": 2}, ["false-tcontext"]),
    ],
)
def test_open_file_is_asked_again_of_the_label_and_policy_in_force(history, judged, names, value, fields, kinds):
    """A read after a relabel was acknowledged: by its label, not by the one before, and not by an older policy."""
    history.creates()
    history.relabels()
    history.recv("Oss/Read", history.op("read", fd=3), n="oss0", place={"fid": names["file"]})
    asked = ("file_permission", "file", "read", names["obj"](value))
    history.avc(*asked, obj=names["file"], vantage="recheck", **fields)
    history.reply(case="token", fired=[["file_permission", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == kinds


@pytest.mark.parametrize(("version", "seqno", "kinds"), [(2, 2, []), (1, 2, ["stale"]), (2, 1, ["stale"])])
def test_server_that_asks_about_the_label_before_is_caught(history, judged, names, version, seqno, kinds):
    """A decision on a label or by a policy that was replaced before the call arrived, though it is right by those."""
    history.creates()
    history.relabels()
    history.policy_event("mds0", seqno=2)
    history.recv("Mds/Getattr", history.op("stat", path="/f"), place={"fid": names["file"]})
    label = names["obj"]("made_t" if version == 1 else "data_t")
    history.avc("inode_getattr", "file", "getattr", label, obj=names["file"], version=version, seqno=seqno)
    history.reply(case="stat", fired=[["inode_getattr", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == kinds


@pytest.mark.parametrize(
    ("began", "version", "kinds"), [("after", 2, []), ("after", 1, ["stale"]), ("before", 1, []), ("before", 2, [])]
)
def test_client_that_keeps_the_label_before_is_caught(history, judged, names, began, version, kinds):
    """Once a relabel is acknowledged, no client decides on what it remembers; one that began before may."""
    history.creates()
    op = history.op("stat", path="/f") if began == "before" else None
    history.relabels()
    op = op or history.op("stat", path="/f")
    label = names["obj"]("made_t" if version == 1 else "data_t")
    facts = {"rpc": None, "op": op, "vantage": "client", "n": "client0"}
    history.avc("inode_getattr", "file", "getattr", label, obj=names["file"], version=version, **facts)

    assert judged(history, "mediation")[0] == kinds


def test_call_that_was_done_in_spite_of_a_denial_is_caught(secret, judged, names):
    """Every hook fired and every decision is right, but nobody heeded it."""
    op = getattr_denied(secret, names)
    good = judged(secret, "mediation")[0]
    secret.recv("Mds/Getattr", op, place={"fid": names["file"]}, subject="other")
    facts = {"scontext": names["other"], "obj": names["file"]}
    secret.denied("inode_getattr", "file", "getattr", names["obj"]("secret_t"), "getattr", **facts)
    secret.reply(case="stat", fired=[["inode_getattr", "object", names["file"], 1]])

    assert good == []
    assert judged(secret, "mediation")[0] == ["done-while-denied"]


def test_denial_that_the_kernel_overrules_is_none(history, judged, names):
    """fs.protected_hardlinks: what a link asks of the file itself may be denied to its owner, and be done."""
    history.subject("app", names["app"], fscreate=names["obj"]("secret_t"))
    history.recv("Mds/Mknod", None, place={"parent": names["root"], "name": "s"})
    secret = names["obj"]("secret_t")
    history.label(names["file"], secret, why="fscreate", parent=names["root"], name="s")
    checks = access.expected("link", "link", walk=True)
    fids = {"parent": names["root"], "object": names["file"]}
    history.recv("Mds/Link", history.op("link", path="/s", to="/t"), place={"parent": names["root"], "name": "t"})
    history.asked(checks[:1], {"parent": names["obj"]("dir_t")}, fids)
    history.denied("inode_permission", "file", "read write", secret, "read write", obj=names["file"])
    history.asked(checks[2:4], {"parent": names["obj"]("dir_t")}, fids)
    history.denied("inode_link", "file", "link", secret, "link", obj=names["file"])
    history.reply(case="link", fired=history.fires(checks, fids))

    assert judged(history, "mediation")[0] == ["done-while-denied"]


def test_relabel_after_the_call_arrived_leaves_its_decision_right(history, judged, names):
    """A decision made while a relabel was under way may be of the label before it."""
    history.creates()
    history.recv("Oss/Read", history.op("read", fd=3), n="oss0", place={"fid": names["file"]})
    reading = history._rpc
    history.relabels()
    history._rpc = reading
    asked = ("file_permission", "file", "read", names["obj"]("made_t"))
    history.avc(*asked, obj=names["file"], vantage="recheck", version=1)
    history.reply(case="token", fired=[["file_permission", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == []


@pytest.mark.parametrize(("label", "kinds"), [("data_t", []), ("made_t", ["false-tcontext"])])
def test_label_of_a_version_to_come_is_the_one_being_set(history, judged, names, label, kinds):
    """An OSS without an object of the file knows the label only as it will be: at that version it is the new one."""
    history.creates()
    data = names["obj"]("data_t")
    history.subject("mds", names["kernel"])
    op = history.op("setxattr", path="/f", name="security.selinux", value=data)
    history.recv("Oss/SetLabel", op, n="oss0", subject="mds", behalf="app", came="mds0", place={"fid": names["file"]})
    history.avc("inode_setxattr", "file", "relabelfrom", names["obj"](label), obj=names["file"], version=2, behalf=True)

    assert judged(history, "mediation")[0] == kinds


def test_missing_policy_file_is_unknown(history):
    """A run without the policy that its nodes loaded cannot be judged."""
    history.creates()

    class Nothing:
        def policy(self, digest):
            return None

    judge = Judge(Nothing(), {"mediation"})
    judge.feed(history.events)
    assert judge.verdicts()[0].valid == "unknown"
