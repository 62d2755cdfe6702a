"""Who is who in a policy: the names that a suite needs of it, and nothing that a rule of the policy decides.

The project's own policies have theirs here; a site's policy brings one in a TOML file, which `labelproof policy
profile` proposes and docs/policy.md explains.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import sepol
from harness.policy import Policy


@dataclass(frozen=True, slots=True)
class Profile:
    """Contexts of a policy by their part in a test. What becomes of them is the policy's to say, never this table's.

    `admin` may relabel and manage the policy; `user` creates things; `root` labels the filesystem's root directory.
    `directories` are labels of parents, by what a suite wants to see there: `inherit`, `transition` and `denied` are
    always among them. `relabel` is what the administrator makes of the user's files. `names` are last components, of
    which the policy may treat some apart. `fscreate` are labels to ask for, allowed or not; `invalid` are texts that
    are no contexts of the policy. `subjects` create besides `user`. `grants` are CIL allow rules that the policy is
    given before anything runs: without `filesystem { mount }` nobody begins at the root.
    """

    admin: str
    user: str
    root: str
    relabel: str
    directories: dict[str, str]
    names: tuple[str, ...] = ("plain",)
    fscreate: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    def contexts(self) -> Iterator[tuple[str, str]]:
        """(field, context) of each context that the policy has to know."""
        for name in ("admin", "user", "root", "relabel"):
            yield name, getattr(self, name)
        yield from ((f"directories.{name!r}", label) for name, label in self.directories.items())
        for name in ("fscreate", "subjects"):
            yield from ((f"{name}[{number}]", context) for number, context in enumerate(getattr(self, name)))

    def check(self, policy: Policy) -> None:
        """Raises ValueError naming the first field whose context the policy does not have, and the remedy."""
        named = list(self.contexts())
        with sepol.Worker(policy.binary, name=policy.name) as worker:
            valid = worker.check_contexts([context for _, context in named])
        for (name, context), known in zip(named, valid, strict=True):
            if not known:
                remedy = "give one of it, or start from what `labelproof policy profile` proposes for it"
                raise ValueError(f"{self._where}{name} is {context!r}, no context of policy {policy.name}; {remedy}")

    def supplement(self, policy: Policy, cache: Path) -> Policy:
        """The policy with this profile's grants; the very same where there are none. Raises sepol.PolicyError."""
        if not self.grants:
            return policy
        files = {"policy.cil": policy.cil, f"{self.source or 'profile'}:grants": "\n".join((*self.grants, ""))}
        return Policy.compile(files, policy.name, cache=cache)

    @property
    def _where(self) -> str:
        return f"profile {self.source}: " if self.source else "profile: "


# Parents that every suite looks for.
PLACES = ("inherit", "transition", "denied")
_NAMES = ("plain", "special.txt", "special.d")


def load(path: Path) -> Profile:
    """The profile in a TOML file. Raises OSError, ValueError naming the file, the field and the remedy."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"profile {path} does not read: {error}; correct it") from error
    try:
        return _read(found, str(path))
    except ValueError as error:
        raise ValueError(f"profile {path}: {error}") from error


def of(policy: str) -> Profile:
    """The profile of one of our own policies; ValueError names those that have one."""
    try:
        return PROFILES[policy]
    except KeyError:
        raise ValueError(
            f"no profile for policy {policy!r}: who is who in it? `labelproof policy profile {policy} > site.toml`"
            f" proposes one, --profile site.toml takes it; {', '.join(PROFILES)} have their own"
        ) from None


def _read(found: Mapping[str, Any], source: str) -> Profile:
    known = [item.name for item in fields(Profile) if item.name != "source"]
    if strange := sorted(found.keys() - set(known)):
        raise ValueError(f"{strange[0]!r} is not a field; there are {', '.join(known)}")
    values: dict[str, Any] = {name: (_READERS.get(name) or _texts)(name, value) for name, value in found.items()}
    missing = [name for name in _READERS if name not in values]
    missing += [f"directories.{place}" for place in PLACES if place not in values.get("directories", PLACES)]
    if missing:
        raise ValueError(f"{missing[0]} is missing; give a context of the policy")
    return Profile(**values, source=source)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; give a text in quotes")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {value!r}; give a list of texts")
    return tuple(_text(f"{name}[{number}]", item) for number, item in enumerate(value))


def _labels(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}; give a table of name = label")
    return {place: _text(f"{name}.{place}", label) for place, label in value.items()}


# The fields that a profile must have; the others are lists of texts.
_READERS: dict[str, Callable[[str, Any], Any]] = {
    "admin": _text, "user": _text, "root": _text, "relabel": _text, "directories": _labels,
}  # fmt: skip


def _own(low: str, span: str, more: dict[str, str]) -> Profile:
    directory = {
        "inherit": f"user_u:object_r:home_t:{low}",
        "transition": f"user_u:object_r:project_dir_t:{low}",
        "role": f"user_u:object_r:staff_dir_t:{low}",
        "range": f"user_u:object_r:marked_dir_t:{low}",
        "owned by the system": f"system_u:object_r:project_dir_t:{low}",
        "denied": f"user_u:object_r:secret_t:{low}",
        "denied in silence": f"user_u:object_r:hush_t:{low}",
    }
    return Profile(
        admin=f"system_u:system_r:admin_t:{span}",
        user=f"user_u:user_r:user_t:{span}",
        root=f"system_u:object_r:root_t:{low}",
        relabel=f"user_u:object_r:project_t:{low}",
        directories=directory | more,
        names=_NAMES,
        fscreate=(
            f"user_u:object_r:project_t:{low}",
            f"user_u:object_r:special_t:{low}:c3,c1,c2",
            f"user_u:object_r:secret_t:{low}",
            f"user_u:object_r:noassoc_t:{low}",
            f"staff_u:object_r:home_t:{low}",
        ),
        invalid=(f"user_u:object_r:nonesuch_t:{low}",),
        subjects=(
            f"user_u:user_r:user_t:{low}",
            f"user_u:user_r:user_t:{span}",
            f"staff_u:staff_r:user_t:{low}",
            f"user_u:user_r:nofscreate_t:{low}",
            f"user_u:user_r:guest_t:{low}",
            f"user_u:user_r:debug_t:{low}",
        ),
    )


PROFILES = {
    "targeted": _own("s0", "s0-s0:c0.c15", {}),
    "mls": _own("s0", "s0-s3:c0.c15", {"raised": "user_u:object_r:project_dir_t:s1:c2"}),
}
