"""The worker: libsepol's own decisions, from a child that may die."""

import os
import signal
import threading

import pytest

import sepol
from sepol import engine, frames
from sepol import worker as worker_module


def the(worker, *query):
    """One decision."""
    (answer,) = worker.decide([query])
    return answer


def test_decides_with_the_names_of_permissions(worker, joe, data):
    """Allowed, auditallow and auditdeny come as permission names, the common's among them."""
    answer = the(worker, joe, data, "file")

    assert answer.allowed == {"read", "write", "getattr"}
    assert answer.auditallow == {"write"}
    assert answer.auditdeny == {"read", "write", "getattr", "relabelto", "entrypoint"}


def test_dontaudit_is_taken_out_of_auditdeny(worker, joe):
    """What a dontaudit rule names is not in auditdeny."""
    answer = the(worker, joe, "sys_u:object_r:log_t:s0", "file")

    assert answer.auditdeny == {"write", "relabelto", "entrypoint"}


@pytest.mark.parametrize(
    "context",
    [
        "<<none>>",
        "",
        "joe_u",
        "joe_u:joe_r:user_t",
        "joe_u:joe_r:user_t:s0-",
        "joe_u:joe_r:user_t:s0-s1:c0.c1-",
        "joe_u:joe_r:user_t:s0\0:junk",
        "joe_u:joe_r:user_t:s0\n",
        "joe_u:joe_r:user_t:s0 ",
        "joe_u:joe_r:user_t:s1-s0",
        "joe_u:joe_r:user_t:s0:c1.c0",
        "joe_u:joe_r:user_t:s0:c0:c1",
        "joe_u:joe_r:user_t:s0:c0,",
        "joe_u:joe_r:kernel_t:s0",
        "joe_u:sys_r:user_t:s0",
        "joe_u:joe_r:nosuch_t:s0",
        "joe_ü:joe_r:user_t:s0",
        "joe_\ud800:joe_r:user_t:s0",
        "joe_u:joe_r:user_t:s0:" + ",".join(["c0"] * 5000),
        "%n:%s:%n:%s",
    ],
)
def test_an_invalid_context_is_no_answer_and_no_crash(worker, joe, data, context):
    """Whatever the text, the question is answered with None and the next one is right."""
    pid = worker._child.pid
    answers = worker.decide([(context, data, "file"), (joe, context, "file"), (joe, data, "file")])

    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert worker.check_contexts([context, joe]) == [False, True]
    assert worker._child.pid == pid


@pytest.mark.parametrize("tclass", ["nosuch", "", "file\0", "fil\u00e9", "<<none>>", "file ", "0", "1"])
def test_an_unknown_class_is_no_answer(worker, joe, data, tclass):
    """A class that the policy does not have gives None; what that means is the caller's to say."""
    assert worker.decide([(joe, data, tclass)]) == [None]


def test_a_valid_context_says_so(worker):
    """Levels, ranges and category lists within the user's range are valid."""
    good = ["joe_u:joe_r:user_t:s0", "joe_u:joe_r:user_t:s0-s1:c0.c1", "sys_u:object_r:data_t:s1:c0,c1"]

    assert worker.check_contexts(good) == [True, True, True]


@pytest.mark.parametrize(
    ("source", "target", "tclass", "perms", "causes"),
    [
        ("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s0", "file", ["read"], set()),
        ("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s0", "file", ["relabelto"], {"te"}),
        ("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s1", "file", ["read"], {"constraint"}),
        ("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s1", "file", ["read", "relabelto"], {"te", "constraint"}),
        ("joe_u:joe_r:user_t:s0", "joe_u:adm_r:user_t:s0", "process", ["transition"], {"rbac"}),
    ],
)
def test_explains_each_cause(worker, source, target, tclass, perms, causes):
    """A missing rule, a constraint and a missing role allow are told apart; allowed has no cause."""
    assert worker.explain(source, target, tclass, perms).causes == causes


def test_explains_with_the_constraints_of_the_asked_permissions_only(worker, joe):
    """libsepol lists the constraint on write too; only the one on read is about the question."""
    reason = worker.explain(joe, "sys_u:object_r:data_t:s1", "file", ["read"])

    (constraint,) = reason.constraints
    assert "{ read getattr }" in constraint
    assert "l1 dom l2 -Fail-" in constraint


@pytest.mark.parametrize(
    ("query", "word"),
    [
        (("<<none>>", "sys_u:object_r:data_t:s0", "file", ["read"]), "<<none>>"),
        (("joe_u:joe_r:user_t:s0", "nonsense", "file", ["read"]), "nonsense"),
        (("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s0", "nosuch", ["read"]), "nosuch"),
        (("joe_u:joe_r:user_t:s0", "sys_u:object_r:data_t:s0", "file", ["fly"]), "fly"),
    ],
)
def test_what_cannot_be_explained_is_named(worker, query, word):
    """An unknown context, class or permission is a ValueError that names it."""
    with pytest.raises(ValueError, match=word):
        worker.explain(*query)


def test_validatetrans_asks_old_new_and_task(worker, joe, data):
    """A level change needs the privileged task; unknown contexts and classes are refused."""
    higher, kernel = "sys_u:object_r:data_t:s1", "sys_u:sys_r:kernel_t:s0-s1:c0.c1"
    asked = [(data, data, joe, "file"), (data, higher, joe, "file"), (data, higher, kernel, "file")]
    unknown = [("<<none>>", data, joe, "file"), (data, data, joe, "nosuch")]

    assert worker.validatetrans(asked + unknown) == [True, False, True, False, False]


def test_booleans_given_at_the_start_hold(tiny, joe):
    """A worker may start with other values than the policy's."""
    with sepol.Worker(tiny, booleans={"may_log": True}) as worker:
        assert the(worker, joe, "sys_u:object_r:log_t:s0", "file").allowed == {"write"}


def test_a_boolean_changes_decisions_and_back(own_worker, joe):
    """Both arms of a conditional follow the boolean; the others keep their value."""
    query = (joe, "sys_u:object_r:log_t:s0", "file")
    before = the(own_worker, *query).allowed
    own_worker.set_booleans({"may_log": True})
    during = the(own_worker, *query).allowed
    own_worker.set_booleans({"spare": False})
    still = the(own_worker, *query).allowed
    own_worker.set_booleans({"may_log": False})

    assert (before, during, still, the(own_worker, *query).allowed) == ({"getattr"}, {"write"}, {"write"}, {"getattr"})


def test_an_unknown_boolean_is_a_key_error_and_changes_nothing(own_worker, tiny, joe):
    """All are set or none, also where a good name stands beside the bad one."""
    with pytest.raises(KeyError, match="nosuch"):
        own_worker.set_booleans({"may_log": True, "nosuch": True})
    with pytest.raises(KeyError, match="nosuch"):
        sepol.Worker(tiny, booleans={"nosuch": True})

    assert the(own_worker, joe, "sys_u:object_r:log_t:s0", "file").allowed == {"getattr"}


def test_two_policies_at_once(worker, other, joe, data):
    """Each worker has its own policy, with its own order of permissions."""
    with sepol.Worker(other) as second:
        mixed = [the(worker, joe, data, "file"), the(second, "joe_u:joe_r:user_t", "joe_u:object_r:data_t", "file")]

        assert [answer.allowed for answer in mixed] == [{"read", "write", "getattr"}, {"append"}]


def test_a_killed_worker_is_replaced_with_its_booleans(own_worker, joe):
    """After kill -9 the next question is answered as before, with the booleans set since the start."""
    own_worker.set_booleans({"may_log": True})
    pid = own_worker._child.pid
    os.kill(pid, signal.SIGKILL)

    assert the(own_worker, joe, "sys_u:object_r:log_t:s0", "file").allowed == {"write"}
    assert own_worker._child.pid != pid


def test_a_worker_killed_between_question_and_answer_is_asked_again(own_worker, joe, data):
    """The batch that was under way is repeated by the replacement."""
    stopped = own_worker._child
    os.kill(stopped.pid, signal.SIGSTOP)
    killer = threading.Timer(0.05, os.kill, (stopped.pid, signal.SIGKILL))
    killer.start()
    answers = own_worker.decide([(joe, data, "file")] * 100)
    killer.join()

    assert len(answers) == 100
    assert None not in answers


def test_a_worker_that_dies_twice_is_an_error_that_names_the_policy(own_worker, joe, data, monkeypatch):
    """No endless restarting: the second death in one question is reported."""
    start = own_worker._start

    def stillborn():
        child = start()
        os.kill(child.pid, signal.SIGKILL)
        return child

    monkeypatch.setattr(own_worker, "_start", stillborn)
    os.kill(own_worker._child.pid, signal.SIGKILL)

    with pytest.raises(sepol.PolicyError, match=r"policy tiny: libsepol crashed \(SIGKILL\), twice"):
        own_worker.decide([(joe, data, "file")])


def test_a_worker_that_does_not_answer_is_an_error(own_worker, joe, data, monkeypatch):
    """A child that hangs without using the processor is given up after the elapsed-time limit, twice."""
    start = own_worker._start

    def freeze(child):
        os.kill(child.pid, signal.SIGSTOP)
        child._socket.settimeout(0.1)
        return child

    monkeypatch.setattr(own_worker, "_start", lambda: freeze(start()))
    freeze(own_worker._child)

    with pytest.raises(sepol.PolicyError, match="gave no answer in"):
        own_worker.decide([(joe, data, "file")])


def test_a_full_context_table_brings_a_fresh_child(own_worker, joe, data):
    """Past the limit of distinct contexts the child is replaced, and the answers go on."""
    pid = own_worker._child.pid
    junk = [f"joe_u:joe_r:type{i}:s0" for i in range(engine.CONTEXTS_MAX + worker_module._BATCH)]
    valid = own_worker.check_contexts([*junk, joe])

    assert valid == [False] * len(junk) + [True]
    assert own_worker._child is None or own_worker._child.pid != pid
    assert the(own_worker, joe, data, "file") is not None


def test_threads_share_a_worker(worker, joe, data):
    """Questions from several threads each get their own answer."""
    queries = [(joe, data, "file"), (joe, "sys_u:object_r:log_t:s0", "file"), (joe, joe, "process")]
    alone = [worker.decide([query])[0] for query in queries]
    wrong = []

    def ask(which):
        wrong.extend(answer for _ in range(50) for answer in worker.decide([queries[which]]) if answer != alone[which])

    threads = [threading.Thread(target=ask, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_worker_outlives_the_thread_that_started_it(tiny, joe, data):
    """The kernel signals the child when that thread ends; the child sees that the process still lives."""
    made = []
    thread = threading.Thread(target=lambda: made.append(sepol.Worker(tiny)))
    thread.start()
    thread.join()

    with made[0] as worker:
        pid = worker._child.pid
        assert the(worker, joe, data, "file") is not None
        assert worker._child.pid == pid


def test_a_closed_worker_answers_nothing_and_leaves_no_process(tiny, joe, data):
    """close() ends the child, may be called again, and later questions are a ValueError."""
    worker = sepol.Worker(tiny)
    pid = worker._child.pid
    worker.close()
    worker.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ValueError, match="closed"):
        worker.decide([(joe, data, "file")])


def test_a_worker_refuses_what_is_no_policy(tiny):
    """A damaged policy is refused at the start, in the words of flatten."""
    with pytest.raises(sepol.PolicyError, match="policy mine: libsepol refuses it"):
        sepol.Worker(tiny[:-1], name="mine")


def test_reloads_that_lost_much_memory_bring_a_fresh_child(own_worker, joe, monkeypatch):
    """Each change of a boolean loses memory in libsepol; a child that says it is worn is replaced, booleans kept."""
    ask = own_worker._child.ask
    monkeypatch.setattr(own_worker._child, "ask", lambda head: ({"result": None, "worn": True}, ask(head)[1]))
    pid = own_worker._child.pid
    own_worker.set_booleans({"may_log": True})

    assert the(own_worker, joe, "sys_u:object_r:log_t:s0", "file").allowed == {"write"}
    assert own_worker._child.pid != pid


def test_an_interrupted_question_leaves_no_answer_behind(own_worker, joe, data, monkeypatch):
    """After a Ctrl-C in the middle the next question gets its own answer, not the one left over."""
    child = own_worker._child

    def interrupted(head):
        child._socket.sendall(frames.pack(head))
        raise KeyboardInterrupt

    monkeypatch.setattr(child, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        own_worker.decide([(joe, data, "file")] * 3)

    assert own_worker.check_contexts([joe]) == [True]
