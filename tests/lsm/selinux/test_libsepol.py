"""Decisions, contexts and validatetrans against libsepol itself, under whole policies."""

import random
from collections.abc import Iterator

import debian
import pytest

import sepol
from harness import policies
from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer

# What whole policies rarely use: role dominance, incomparable levels, xor, bounds, permissions from a common only.
FEATURES = """
(handleunknown allow) (mls MLS)
(class file (ioctl read write)) (class dir (search)) (class process (transition dyntransition)) (class none ())
(common shared (aa bb)) (class common_only ()) (classcommon common_only shared)
(classorder (file dir process none common_only))
(sid kernel) (sid unlabeled) (sidorder (kernel unlabeled))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1)) (category c0) (category c1) (category c2) (category c3)
(categoryorder (c0 c1 c2 c3)) (categoryalias blue) (categoryaliasactual blue c2)
(sensitivitycategory s0 (range c0 c3)) (sensitivitycategory s1 (c0 c1 blue))
(user u) (user v) (role r) (role q) (role object_r)
(userrole u r) (userrole v q) (userrole v r) (userrole u object_r) (userrole v object_r)
(userlevel u (s0)) (userrange u ((s0) (s1 (c0 c1 c2)))) (userlevel v (s0)) (userrange v ((s0) (s1 (c0 c2))))
(type a) (type b) (type c) (type d) (typealias e) (typealiasactual e a)
(typeattribute most) (typeattributeset most (not (b))) (typeattribute odd) (typeattributeset odd (xor (a b) (b c)))
(roletype r most) (roletype r b) (roletype object_r most) (roletype object_r b) (roletype q a)
(allow most most (file (read))) (allow odd self (file (write))) (allow a b (file (ioctl)))
(allow most most (common_only (aa))) (allow most most (process (transition))) (allow b d (file (read write)))
(allow a d (file (write))) (allow most most (dir (search)))
(boolean on true) (boolean off false)
(booleanif (xor on (or off (neq on off)))
  (true (allow a c (file (read))) (auditallow a c (file (read)))) (false (dontaudit a c (file (read)))))
(constrain (file (read)) (or (dom r1 r2) (eq r1 (r q))))
(constrain (file (write)) (and (not (incomp r1 r2)) (or (domby r1 r2) (neq u1 (u v)))))
(constrain (dir (search)) (and (eq t1 (a b odd)) (neq t2 c)))
(mlsconstrain (common_only (aa)) (or (incomp l1 h2) (or (neq l1 l2) (domby h1 h2))))
(validatetrans file (or (neq u1 u2) (eq r3 (r))))
(typebounds a b) (typepermissive c) (roleallow r q)
(sidcontext kernel (u r a ((s0) (s0)))) (sidcontext unlabeled (u object_r b ((s0) (s0))))
"""

Query = tuple[str, str, str]

DECISIONS, ROUNDS = 20_000, 4
CONTEXTS = TRANSITIONS = 4_000
FROM_RULES = 0.85


def binary(name: str) -> bytes:
    """A compiled policy: one of the project's own, Debian's where it was built, or the one above."""
    if name.startswith("features"):
        return sepol.compile_cil({name: FEATURES.replace("MLS", "true" if name == "features" else "false")})
    if name in policies.NAMES:
        return sepol.compile_cil(policies.source(name), name=name)
    return debian.policy(name.removeprefix("debian-")).read_bytes()


class Pair:
    """The two engines under one policy, and random questions for both."""

    def __init__(self, name: str, data: bytes) -> None:
        self.random = random.Random(name)
        self.policy = Policy.parse(sepol.flatten(data, name=name).cil)
        self.server = SecurityServer(self.policy)
        self.worker = sepol.Worker(data, name=name)
        self.pairs = [(s, t, c) for c, rows in self.policy.av.items() for s, row in rows.items() for t in row]
        self.domains = sorted({t for role, types in self.policy.roles.items() if role != "object_r" for t in types})

    def context(self, type_name: str) -> str:
        """A valid context with this type; its own role where it has one."""
        policy, pick = self.policy, self.random.choice
        roles = sorted(role for role, types in policy.roles.items() if type_name in types) or ["object_r"]
        while True:
            text = f"{pick(sorted(policy.users))}:{pick(roles)}:{type_name}{self.range()}"
            if self.valid(text):
                return text

    def range(self) -> str:
        if not self.policy.mls:
            return ""
        low = self.level()
        return self.random.choice([f":{low}", f":{low}-{self.level()}", ":s0"])

    def level(self) -> str:
        levels, count = self.policy.levels, self.random.choice([0, 0, 1, 2, 5])
        cats = self.random.sample(levels.categories, min(count, len(levels.categories)))
        return self.random.choice(levels.sensitivities) + (":" + ",".join(cats) if cats else "")

    def valid(self, text: str) -> bool:
        try:
            self.server.context_to_sid(text)
        except ContextError:
            return False
        return True

    def query(self) -> Query:
        """A random question; mostly one that some rule speaks of."""
        pick = self.random.choice
        if self.random.random() > FROM_RULES:
            types = self.policy.types
            return self.context(pick(types)), self.context(pick(types)), pick(tuple(self.policy.classes))
        source, target, tclass = pick(self.pairs)
        return self.context(self.member(source)), self.context(self.member(target)), tclass

    def member(self, name: str) -> str:
        return self.random.choice(sorted(self.policy.attributes.get(name, ())) or [name])

    def mine(self, query: Query) -> sepol.Answer:
        source, target, tclass = query
        ssid, tsid = self.server.context_to_sid(source), self.server.context_to_sid(target)
        decision = self.server.compute_av(ssid, tsid, tclass)
        masks = decision.allowed, decision.auditallow, decision.auditdeny
        return sepol.Answer(*(frozenset(self.policy.names(tclass, mask)) for mask in masks))

    def flip_booleans(self) -> None:
        values = {name: self.random.random() < 0.5 for name in self.policy.booleans}
        self.server.set_booleans(values)
        self.worker.set_booleans(values)


@pytest.fixture(
    scope="module", params=["targeted", "mls", "features", "features-without-mls", "debian-default", "debian-mls"]
)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    try:
        pair = Pair(request.param, binary(request.param))
    except sepol.Missing as missing:
        pytest.skip(str(missing))
    with pair.worker:
        yield pair


def test_decisions(pair: Pair) -> None:
    """Allowed, auditallow and auditdeny are libsepol's, under changing booleans, on questions that rules speak of."""
    granted = 0
    for _ in range(ROUNDS):
        queries = [pair.query() for _ in range(DECISIONS // ROUNDS)]
        expected = pair.worker.decide(queries)
        actual = [pair.mine(query) for query in queries]

        different = [found for found in zip(queries, actual, expected, strict=True) if found[1] != found[2]]
        assert not different[:3]
        granted += sum(bool(answer.allowed) for answer in actual)
        pair.flip_booleans()

    assert granted >= DECISIONS / 2


def test_contexts(pair: Pair) -> None:
    """A context, whole or damaged, is valid here exactly where it is under libsepol."""
    whole = [pair.context(pair.random.choice(pair.policy.types)) for _ in range(50)]
    fields = sorted({field for text in whole for field in text.replace("-", ":").replace(",", ":").split(":")})
    contexts = []
    for _ in range(CONTEXTS):
        parts = pair.random.choice(whole).split(":")
        parts[pair.random.randrange(len(parts))] = pair.random.choice([*fields, *pair.policy.types[:20], ""])
        contexts.append(":".join(parts))

    actual = [pair.valid(text) for text in contexts]

    expected = pair.worker.check_contexts(contexts)
    assert [text for text, mine, theirs in zip(contexts, actual, expected, strict=True) if mine != theirs] == []
    assert 0 < sum(actual) < CONTEXTS


def test_validatetrans(pair: Pair) -> None:
    """A relabel is valid here exactly where it is under libsepol."""
    classes = tuple(pair.policy.validatetrans) or tuple(pair.policy.classes)
    objects = [pair.context(pair.random.choice(pair.policy.types)) for _ in range(200)]
    tasks = [pair.context(pair.random.choice(pair.domains)) for _ in range(200)]
    pick = pair.random.choice
    queries = [(pick(objects), pick(objects), pick(tasks), pick(classes)) for _ in range(TRANSITIONS)]

    sid = pair.server.context_to_sid
    actual = [pair.server.validatetrans(sid(old), sid(new), sid(task), tclass) for old, new, task, tclass in queries]

    assert actual == pair.worker.validatetrans(queries)
