"""Histories made by hand: a small policy, three nodes, one task, and the events of whole operations."""

import hashlib
import os
from collections import Counter

import pytest

import sepol
from harness.checkers import Judge
from harness.model import access
from harness.model.policy import Held, Policy

CIL = """
(handleunknown deny) (mls true) (policycap open_perms)
(class security (load_policy setenforce setbool)) (class process (setfscreate setcurrent dyntransition))
(class capability (fowner mknod lease sys_admin)) (class fd (use))
(class filesystem (mount getattr associate watch))
(class file (ioctl read write append create getattr setattr relabelfrom relabelto link unlink rename open lock map
  execute execmod watch watch_mount watch_sb watch_with_perm watch_reads))
(class dir (read write create getattr setattr relabelfrom relabelto add_name remove_name search rmdir reparent
  rename open))
(class lnk_file (read create getattr unlink)) (class fifo_file (read write create getattr open))
(class chr_file (read write create getattr open)) (class blk_file (read write create getattr open))
(class sock_file (read write create getattr open))
(classorder (security process capability fd filesystem file dir lnk_file fifo_file chr_file blk_file sock_file))
(sid kernel) (sid security) (sid unlabeled) (sid fs) (sid file) (sidorder (kernel security unlabeled fs file))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1)) (category c0) (category c1) (category c2) (category c3)
(categoryorder (c0 c1 c2 c3))
(sensitivitycategory s0 (range c0 c3)) (sensitivitycategory s1 (range c0 c3))
(level low (s0)) (level high (s1 (range c0 c3)))
(user u) (role r) (role object_r) (userrole u r) (userrole u object_r) (userlevel u low) (userrange u (low high))
(type kernel_t) (type security_t) (type unlabeled_t) (type fs_t) (type file_t)
(type app_t) (type other_t) (type loose_t) (typepermissive loose_t)
(type dir_t) (type data_t) (type made_t) (type secret_t) (type hush_t) (type bool_t) (type high_t)
(typeattribute all_t) (typeattributeset all_t (all)) (roletype r all_t) (roletype object_r all_t)
(sidcontext kernel (u r kernel_t (low low))) (sidcontext security (u object_r security_t (low low)))
(sidcontext unlabeled (u object_r unlabeled_t (low low))) (sidcontext fs (u object_r fs_t (low low)))
(sidcontext file (u object_r file_t (low low)))
(fsuse xattr lustre (u object_r fs_t (low low)))
(allow app_t fs_t (filesystem (mount getattr))) (allow other_t fs_t (filesystem (mount)))
(allow loose_t fs_t (filesystem (mount)))
(allow app_t dir_t (dir (read write search add_name remove_name open getattr)))
(allow other_t dir_t (dir (search)))
(allow app_t data_t (file (read write append create getattr setattr relabelfrom relabelto unlink link rename open)))
(allow app_t made_t (file (read write append create getattr setattr relabelfrom relabelto unlink link rename open)))
(allow other_t made_t (file (getattr lock read append)))
(allow other_t app_t (fd (use)))
(allow app_t made_t (file (lock map execute execmod watch watch_mount watch_sb watch_with_perm watch_reads)))
(allow app_t self (capability (sys_admin))) (allow app_t fs_t (filesystem (watch)))
(allow kernel_t made_t (file (relabelfrom relabelto setattr))) (allow kernel_t data_t (file (relabelfrom relabelto)))
(allow app_t high_t (file (read getattr)))
(allow all_t fs_t (filesystem (associate)))
(allow app_t security_t (security (setbool)))
(typetransition app_t dir_t file made_t)
(dontaudit app_t hush_t (file (getattr)))
(auditallow app_t data_t (file (getattr)))
(boolean app_bool false) (booleanif app_bool (true (allow app_t bool_t (file (getattr)))))
(mlsconstrain (file (getattr read)) (dom l1 l2))
(allow app_t made_t (file (ioctl))) (auditallow app_t made_t (file (ioctl)))
(allowx app_t made_t (ioctl file (0x6601 0x6602))) (auditallowx app_t made_t (ioctl file (0x6602)))
(dontauditx app_t made_t (ioctl file (0x6604)))
(allow loose_t made_t (file (ioctl))) (allowx loose_t made_t (ioctl file (0x6601)))
"""

ROOT, FILE = "[0x1:0x1:0x0]", "[0x1:0x2:0x0]"
APP, OTHER, LOOSE, KERNEL = "u:r:app_t:s0", "u:r:other_t:s0", "u:r:loose_t:s0", "u:r:kernel_t:s0"
FS = "u:object_r:fs_t:s0"
MADE, DATA = "u:object_r:made_t:s0", "u:object_r:data_t:s0"


def obj(kind: str, level: str = "s0") -> str:
    return f"u:object_r:{kind}:{level}"


class History:
    """Builds events with the right common fields; every method returns the event it made."""

    def __init__(self, policy: Policy, digest: str) -> None:
        self.events: list[dict] = []
        self.policy, self.digest, self.seqno = policy, digest, 1
        self._i: Counter[str] = Counter()
        self._n = 0
        self.transno = 0
        for node, role in (("harness", "harness"), ("mds0", "mds"), ("oss0", "oss"), ("client0", "client")):
            self.add(node, "run", role=role, schema=1, spec={"root_context": obj("dir_t")} if role == "harness" else {})
            if role != "harness":
                self.policy_event(node)
        self.subject("app", APP)
        self.task("t1", "app")
        self.label(ROOT, obj("dir_t"), why="root", tclass="dir", mode=0o40755, rpc=None)

    def add(self, n: str, e: str, **fields) -> dict:
        event = {"e": e, "n": n, "i": self._i[n], "c": len(self.events), "t": len(self.events), **fields}
        self._i[n] += 1
        self.events.append(event)
        return event

    def policy_event(self, n: str, *, booleans=(), enforcing=True, seqno=1) -> dict:
        values = {"app_bool": False} | dict(booleans)
        return self.add(n, "policy", digest=self.digest, name="small", version=33, seqno=seqno, enforcing=enforcing,
                        booleans=values, why="boot", by=None)  # fmt: skip

    def subject(self, name: str, context: str, **fields) -> None:
        caps = dict.fromkeys(("effective", "permitted", "inheritable", "bounding", "ambient"), 0)
        facts = {"uid": 1000, "gid": 1000, "groups": [], "caps": caps, "pid": 1, "comm": "test", "nid": "n",
                 "labels": {"selinux": context}, "fscreate": None, "keycreate": None, "sockcreate": None}  # fmt: skip
        for node in ("mds0", "oss0", "client0"):
            self.add(node, "subject", id=name, **facts | fields)

    def task(self, task: str, subject: str, phase: str = "login", **fields) -> dict:
        return self.add("client0", "task", task=task, phase=phase, subject=subject, by="harness", umask=0o22, **fields)

    def becomes(self, subject: str = "other", context: str = OTHER, task: str = "t1") -> None:
        """The task changes its own context."""
        self.subject(subject, context)
        op = self.op("setcon", task, context=context)
        self.task(task, subject, "setattr", attr="current", value=context)
        self.end(op)

    def op(self, f: str, task: str = "t1", test: str = "suite::test_one", **args) -> str:
        self._n += 1
        self.add("harness", "op", op=f"o{self._n}", test=test, phase="invoke", client="client0", mount="/", lsm=False,
                 task=task, f=f, args=args)  # fmt: skip
        return f"o{self._n}"

    def end(self, op: str, phase: str = "ok", ret=None, **fields) -> dict:
        return self.add("harness", "op", op=op, phase=phase, ret=ret, **fields)

    def recv(self, method: str, op: str | None, *, place=None, n="mds0", subject="app", behalf=None, came="client0"):
        self._n += 1
        self._rpc = self.add(n, "rpc", rpc=f"r{self._n}", op=op, phase="recv", to=n, method=method, subject=subject,
                             behalf=behalf, place=place, **{"from": came})  # fmt: skip
        return self._rpc["rpc"]

    def avc(
        self, hook: str, tclass: str, perms: str, tcontext: str, *, scontext=APP, role="object", obj=None, **fields
    ):
        facts = {"rpc": self._rpc["rpc"], "op": self._rpc["op"], "vantage": "server", "hook": hook, "module": "selinux",
                 "role": role, "object": obj, "name": "", "requested": perms.split(), "denied": [],
                 "scontext": scontext, "tcontext": tcontext, "tclass": tclass, "allowed": True, "reason": "",
                 "permissive": False, "audited": False, "version": None, "seqno": self.seqno, "policy": self.digest,
                 "behalf": False}  # fmt: skip
        return self.add(fields.pop("n", self._rpc["n"]), "avc", **facts | fields)

    def denied(self, hook: str, tclass: str, perms: str, tcontext: str, missing: str, *, reason="te", **fields):
        facts = {"denied": missing.split(), "allowed": False, "reason": reason, "audited": True}
        return self.avc(hook, tclass, perms, tcontext, **facts | fields)

    def asked(self, checks, labels: dict, fids: dict, **fields) -> None:
        """An avc event for each query of the table, about the labels and FIDs by role."""
        for check in checks:
            if check.perms and not check.optional:
                scontext = labels["new"] if check.source == "new" else fields.get("scontext", APP)
                self.avc(check.hook, check.tclass, " ".join(sorted(check.perms)), labels[check.target],
                         role=check.target, obj=fids.get(check.target),
                         **{**fields, "scontext": scontext})  # fmt: skip

    def label(self, fid: str, new, *, n="mds0", role="mdt", why="transition", old=None, version=1, tclass="file",
              mode=0o100644, parent=None, name=None, subject="app", rpc="") -> dict:  # fmt: skip
        return self.add(n, "label", object=fid, role=role, target=n, name="security.selinux", old=old, new=new,
                        version=version, why=why, mode=mode, parent=parent, subject=subject, transno=self.transno,
                        rpc=self._rpc["rpc"] if rpc == "" else rpc, stripe=None,
                        **{"class": tclass, "as": name})  # fmt: skip

    def reply(self, status: int = 0, *, case=None, fired=(), transno=0, **fields) -> dict:
        facts = {key: self._rpc[key] for key in ("rpc", "op", "from", "to", "method", "subject", "behalf")}
        facts |= {"definite": True, "bytes": 1, "resent": False, "finding": None} | fields
        return self.add(self._rpc["n"], "rpc", phase="reply", status=status, case=case, fired=[list(f) for f in fired],
                        transno=transno, **facts)  # fmt: skip

    def fires(self, checks, fids: dict) -> list:
        return [[hook, role, fids.get(role), count] for (hook, role), count in access.firings(tuple(checks)).items()]

    def root(self, subject: str = "app", context: str = APP) -> None:
        checks = access.expected("getroot", "mount")
        self.recv("Mds/GetRoot", None, subject=subject)
        self.asked(checks, {"fs": FS}, {}, scontext=context)
        self.reply(case="mount", fired=self.fires(checks, {}))

    def creates(self, name: str = "f", fid: str = FILE, *, stored=MADE, skip=(), late=False, why="transition"):
        """A whole open(O_CREAT): made_t by the type transition."""
        op = self.op("open", path=f"/{name}", flags=os.O_CREAT | os.O_WRONLY, mode=0o644)
        checks = [c for c in access.expected("open", "new", access="w", walk=True) if c.hook not in skip]
        self.recv("Mds/Open", op, place={"parent": ROOT, "name": name})
        labels = {"parent": obj("dir_t"), "new": obj("made_t"), "object": obj("made_t"), "fs": FS}
        fids = {"parent": ROOT, "object": fid}
        made = {"why": why, "parent": ROOT, "name": name}
        if late:
            self.label(fid, stored, **made)
        self.asked(checks, labels, fids)
        if not late:
            self.label(fid, stored, **made)
        self.reply(case="new", fired=self.fires(checks, fids), transno=1)
        self.end(op, ret={"fd": 3, "fid": fid, "labels": {"security.selinux": stored}, "created": True})
        return op

    def looks_up(self, name: str = "f", subject: str = "app", context: str = APP) -> None:
        checks = access.expected("lookup", "name")
        self.recv("Mds/Lookup", None, place={"parent": ROOT, "name": name}, subject=subject)
        self.asked(checks, {"parent": obj("dir_t")}, {"parent": ROOT}, scontext=context)
        self.reply(case="name", fired=self.fires(checks, {"parent": ROOT}))

    def stats(self, fid: str = FILE, *, label=MADE, told=None, subject="app", task="t1", path="/f", **fields):
        """A stat by FID, allowed."""
        op = self.op("stat", task, path=path)
        checks = access.expected("getattr", "stat")
        self.recv("Mds/Getattr", op, place={"fid": fid}, subject=subject)
        self.asked(checks, {"object": label}, {"object": fid}, **fields)
        self.reply(case="stat", fired=self.fires(checks, {"object": fid}))
        self.end(op, ret={"fid": fid, "labels": {"security.selinux": told or label}})
        return op

    def does(
        self,
        method: str,
        checks,
        f: str,
        *,
        place=None,
        labels=None,
        context=APP,
        subject="app",
        case,
        n="mds0",
        skip=(),
        fids=None,
        **args,
    ) -> str:
        """A whole operation of one rpc on the file: every check of the table that is demanded but those on `skip`."""
        op = self.op(f, **args)
        labels = {"object": MADE, "fs": FS, "subject": context, "opener": APP, "parent": obj("dir_t")} | (labels or {})
        fids = {"object": FILE, "parent": ROOT} if fids is None else fids
        self.recv(method, op, place=place, subject=subject, n=n)
        self.asked([check for check in checks if check.tclass not in skip], labels, fids, scontext=context)
        self.reply(case=case, fired=self.fires(checks, fids))
        self.end(op, ret=0)
        return op

    def relabels(self, value: str = DATA, *, stored=None, old=MADE, version=2, fid=FILE, again=True, told=()) -> str:
        """A relabel of the file, checked before and after the OSTs were told; those in `told` have an object of it."""
        op = self.op("setxattr", path="/f", name="security.selinux", value=value)
        checks = access.expected("setxattr", "label")
        self.recv("Mds/Setxattr", op, place={"fid": fid})
        labels = {"object": obj("made_t"), "new": value, "fs": FS}
        self.asked(checks, labels, {"object": fid})
        for node in told:
            self.label(fid, value, n=node, role="ost", why="relabel", old=old, version=version, rpc=None)
        self.add("mds0", "rpc", rpc="mds0:1", op=op, phase="send", to="oss0", method="Oss/SetLabel", **{"from": "mds0"})
        if again:
            self.asked(checks, labels, {"object": fid}, vantage="recheck")
        self.label(fid, stored or value, why="set", old=old, version=version)
        self.reply(case="label", fired=self.fires(checks, {"object": fid}), transno=2)
        self.end(op)
        return op


@pytest.fixture(scope="session")
def small():
    binary = sepol.compile_cil({"small.cil": CIL})
    policy = Policy(binary)
    yield policy, hashlib.sha256(binary).hexdigest()
    policy.close()


@pytest.fixture
def history(small):
    built = History(*small)
    built.root()
    return built


@pytest.fixture
def held(small):
    return Held({small[1]: small[0]})


@pytest.fixture
def judged(held):
    """A judge fed with a history: kinds of the findings of one checker, in order, and its verdict."""

    def feed(history, checker):
        judge = Judge(held, {checker})
        judge.feed(history.events)
        (verdict,) = judge.verdicts()
        return [finding.kind for finding in judge.checkers[0].findings], verdict

    return feed


@pytest.fixture
def names():
    """The world's fixed names."""
    return {
        "root": ROOT,
        "file": FILE,
        "app": APP,
        "other": OTHER,
        "loose": LOOSE,
        "kernel": KERNEL,
        "fs": FS,
        "obj": obj,
    }
