"""Both policies compiled once, and a judge (libsepol) for each."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import sepol
from harness import policies


@dataclass(frozen=True, slots=True)
class Judge:
    """One policy under libsepol. Contexts are written short: `subject("user_t")`, `file("log_t", "s1:c2")`."""

    worker: sepol.Worker
    cil: str

    def subject(self, domain: str, level: str = "s0", user: str = "user_u", role: str = "user_r") -> str:
        return f"{user}:{role}:{domain}:{level}"

    def system(self, domain: str) -> str:
        return f"system_u:system_r:{domain}:s0"

    def file(self, type_: str, level: str = "s0", user: str = "user_u") -> str:
        return f"{user}:object_r:{type_}:{level}"

    def answer(self, scontext: str, tcontext: str, tclass: str = "file") -> sepol.Answer:
        (answer,) = self.worker.decide([(scontext, tcontext, tclass)])
        assert answer is not None, f"libsepol refuses {scontext} {tcontext} {tclass}"
        return answer

    def allowed(self, scontext: str, tcontext: str, tclass: str = "file") -> frozenset[str]:
        return self.answer(scontext, tcontext, tclass).allowed

    def causes(self, scontext: str, tcontext: str, tclass: str, *perms: str) -> frozenset[str]:
        return self.worker.explain(scontext, tcontext, tclass, perms).causes

    def types(self, attribute: str) -> set[str]:
        """The types that libsepol printed as members of the attribute."""
        (line,) = [text for text in self.cil.splitlines() if text.startswith(f"(typeattributeset {attribute} ")]
        return set(line.rstrip(") ").split("(")[-1].split())


@pytest.fixture(scope="session")
def judges() -> Iterator[dict[str, Judge]]:
    """A judge for each policy, by its name."""
    found = {}
    for name in policies.NAMES:
        binary = sepol.compile_cil(policies.source(name), name=name)
        found[name] = Judge(sepol.Worker(binary, name=name), sepol.flatten(binary, name=name).cil)
    yield found
    for judge in found.values():
        judge.worker.close()


@pytest.fixture(params=policies.NAMES)
def judge(request: pytest.FixtureRequest, judges: dict[str, Judge]) -> Judge:
    """Each of the two in turn."""
    return judges[request.param]


@pytest.fixture
def mls(judges: dict[str, Judge]) -> Judge:
    return judges["mls"]


@pytest.fixture
def targeted(judges: dict[str, Judge]) -> Judge:
    return judges["targeted"]


@pytest.fixture
def booleans(judge: Judge) -> Iterator[sepol.Worker]:
    """The judge's worker, its booleans set back afterwards."""
    yield judge.worker
    judge.worker.set_booleans({"user_write_shared": False, "shared_is_project": False})
