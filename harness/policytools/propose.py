"""A profile from the policy itself: who creates things, who administers, which directories do what.

Candidates come from the policy's users, roles and type transitions; what they may do, libsepol says. The same policy
gives the same profile: every choice is by a measure, then by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.model import labels
from harness.policytools import grants
from harness.policytools.grants import KEEP, LAY_OUT, MANAGE
from harness.policytools.loaded import FILE_CLASSES, Loaded, Query
from harness.profile import Profile
from lsm.modules.selinux import context

_HANDLE = "create open read write getattr setattr link rename unlink"
_CAPS = "chown fowner dac_override dac_read_search sys_admin mknod"
_SUBJECTS_MAX, _NAMES_MAX = 6, 4
# Of equals, the one that a person would have looked for first.
_ROOT, _DENIED = "root_t", "etc_t"


# Directory types by their place in the profile, and file types that somebody handles freely.
_Places = tuple[dict[str, str], list[str]]


@dataclass(frozen=True, slots=True)
class _Person:
    """A login: its context over the user's whole range, and the same at its low level."""

    user: str
    role: str
    type: str
    context: str
    low: str

    @property
    def usual(self) -> bool:
        return self.role.removesuffix("_r") == self.type.removesuffix("_t")

    @property
    def own(self) -> bool:
        """Whether the user's name is the role's: user_u:user_r."""
        return self.user.removesuffix("_u") == self.role.removesuffix("_r")

    def label(self, kind: str, low: str) -> str:
        return f"{self.user}:object_r:{kind}{low}"


def propose(loaded: Loaded) -> Profile:
    """Raises ValueError where the policy has no two domains, nobody who keeps files, or nothing that is denied him."""
    return _Search(loaded).proposal()


class _Search:
    def __init__(self, loaded: Loaded) -> None:
        self._policy = loaded
        self._tables = loaded.tables
        kernel = self._tables.initial_contexts["kernel"]
        self._kernel = kernel
        self._fs = loaded.model.fs_label("lustre") or ""
        self._security = self._tables.initial_sids["security"]
        self._transitions: dict[str, set[str]] = {}
        for source, target, tclass in self._tables.type_rules.types["typetransition"]:
            if tclass == "file":
                self._transitions.setdefault(source, set()).add(target)

    def _without(self, what: str) -> ValueError:
        return ValueError(f"policy {self._policy.name}: {what}; write the profile by hand (docs/policy.md)")

    def proposal(self) -> Profile:
        admin = self._admin()
        user, places, kept = self._user(admin)
        low = _low(user)
        denied = self._denied(user, admin, low)
        root = self._root(user, admin)
        relabel = next((label for label in kept if label != places["inherit"]), kept[0])
        people = self._people(user)
        directories = {
            **{place: user.label(kind, low) for place, kind in places.items() if place in ("inherit", "transition")},
            "denied": f"{self._kernel.user}:object_r:{denied}{low}",
            **{place: user.label(kind, low) for place, kind in places.items() if place.startswith("also ")},
            "owned by the system": f"{self._kernel.user}:object_r:{places['transition']}{low}",
        }
        profile = Profile(
            admin=admin.context,
            user=user.context,
            root=root,
            relabel=user.label(relabel, low),
            directories=directories,
            names=self._names(user, places),
            fscreate=tuple(self._fscreate(user, places, relabel, denied, low)),
            subjects=tuple(people),
            invalid=(f"{user.user}:object_r:labelproof_nonesuch_t{low}",),
        )
        return grants.granted(profile, self._policy)

    @cached_property
    def _logins(self) -> list[_Person]:
        """Who logs in: in a role that is not the servers' own, as its domain by the reference policy's convention
        (user_r:user_t); in a policy without that convention, everybody."""
        return [person for person in self._all if person.role != self._kernel.role and person.usual] or self._all

    @cached_property
    def _all(self) -> list[_Person]:
        """Every user in every role as every type that forks, which makes it a domain."""
        found = [
            self._person(user, role, kind)
            for user in sorted(self._tables.users)
            for role in sorted(self._tables.users[user].roles)
            if role != context.OBJECT_R
            for kind in sorted(self._tables.roles.get(role, ()))
            if kind != self._kernel.type
        ]
        lacking = self._policy.missing(Query.of(p.context, p.context, "process", "fork") for p in found)
        return [person for person, lack in zip(found, lacking, strict=True) if not lack]

    def _person(self, user: str, role: str, kind: str) -> _Person:
        low, high = self._tables.users[user].range
        at = context.Context(user, role, kind, low, high)
        levels = self._tables.levels
        return _Person(user, role, kind, context.text(levels, at), context.text(levels, at._replace(high=low)))

    def _admin(self) -> _Person:
        """Who has most of the rights of an administrator, first among the logins, then among all."""
        rights = [("", self._security, "security", MANAGE), ("", self._fs, "filesystem", "mount getattr relabelfrom")]
        rights += [("", "", "process", "setfscreate"), ("", "", "capability", _CAPS)]
        # Whoever may create a device labelled as nothing in particular is confined by nobody.
        plain = self._tables.initial_sids.get("file", self._fs)
        rights += [("", plain, tclass, "create relabelfrom relabelto getattr") for tclass in FILE_CLASSES]

        def lacks(person: _Person) -> int:
            asked = (Query.of(person.context, target or person.context, c, perms) for _, target, c, perms in rights)
            return sum(map(len, self._policy.missing(asked)))

        if not self._all:
            raise self._without(
                f"besides {self._kernel.type}, no type of a user's roles may fork, so that none is a domain"
            )
        for people in (self._logins, self._all):
            best = min(people, key=lambda person: (lacks(person), not person.own, person.context))
            if not lacks(best):
                break
        return best

    def _user(self, admin: _Person) -> tuple[_Person, dict[str, str], list[str]]:
        """Who creates by transitions and handles what he made; the one with the fewest rights over directories.

        Where nobody does, somebody whose files have the type of their directory, which is then that of all.
        """
        for places_of in (self._places, self._plain_places):
            for people in (self._logins, self._all):
                if found := list(self._users(people, admin, places_of)):
                    *_, person, places, kept = min(found, key=lambda item: item[:4])
                    return person, places, kept
        raise self._without("nobody but the administrator may create files, choose their labels and handle them")

    def _users(
        self, people: Iterable[_Person], admin: _Person, places_of: Callable[[_Person], _Places]
    ) -> Iterator[tuple[bool, int, int, str, _Person, dict[str, str], list[str]]]:
        """Each who will do, with what he is measured by in front."""
        for person in people:
            if person.type == admin.type or self._policy.may(person.context, self._security, "security", "load_policy"):
                continue
            if not self._policy.may(person.context, person.context, "process", "setfscreate"):
                continue
            places, kept = places_of(person)
            if places:
                rights = len(self._where(person, "add_name", self._tables.types, _low(person)))
                yield not person.own, -min(len(places), 3), rights, person.context, person, places, kept

    def _places(self, person: _Person) -> _Places:
        """Directory types by what a new file gets there, and the file types that the person handles freely."""
        low, targets = _low(person), self._transitions.get(person.type, set())
        handled: dict[str, str] = {}
        for kind in sorted(targets):
            made = labels.of_new_object(self._policy.model, person.context, person.label(kind, low), "file", "f")
            new = made.label.split(":")[2] if made else ""
            if new and new != kind and self._handles(person, kind, new, low):
                handled[kind] = new
        kept = list(dict.fromkeys(handled.values()))
        inherit = [kind for kind in kept if kind not in targets and self._handles(person, kind, kind, low)]
        if handled and not inherit:
            inherit = self._inheriting(person)
        if not handled or not inherit:
            return {}, []
        ranked = sorted(handled, key=lambda kind: (-self._named(person.type, kind), kind))
        places = {"inherit": inherit[0], "transition": ranked[0]}
        places |= {f"also {kind}": kind for kind in ranked[1:2]}
        return places, kept

    def _plain_places(self, person: _Person) -> _Places:
        """Without transitions."""
        kept = self._inheriting(person)
        return ({"inherit": kept[0], "transition": kept[-1]}, kept) if kept else ({}, [])

    def _inheriting(self, person: _Person) -> list[str]:
        """The types whose directories the person keeps, and the files of that type in them."""
        low, targets = _low(person), self._transitions.get(person.type, set())
        kinds = [kind for kind in self._tables.types if kind not in targets]
        kinds = self._where(person, KEEP, sorted(kinds), low, user=person.user)
        return [kind for kind in kinds if self._handles(person, kind, kind, low)]

    def _handles(self, person: _Person, directory: str, kind: str, low: str) -> bool:
        label, parent = person.label(kind, low), person.label(directory, low)
        asked = (
            Query.of(person.context, parent, "dir", KEEP),
            Query.of(person.context, label, "file", _HANDLE),
        )
        return not any(self._policy.missing(asked)) and self._may_live([label])[0]

    def _named(self, source: str, target: str) -> int:
        return sum(key[:2] == (source, target) for key in self._tables.type_rules.named)

    def _denied(self, user: _Person, admin: _Person, low: str) -> str:
        """A directory where the user may look but not add names, and the administrator may do both."""
        best = self._best((user, "search"), (admin, LAY_OUT), known=_DENIED, forbidden=(user, "add_name"), low=low)
        if best is None:
            raise self._without(f"there is no directory that {user.context} may search and not add names to")
        return best

    def _root(self, user: _Person, admin: _Person) -> str:
        """A directory that the user and the administrator may search, and only the administrator writes."""
        low = _low(user)
        best = self._best((user, "search getattr"), (admin, KEEP), known=_ROOT, low=low)
        return f"{self._kernel.user}:object_r:{best or self._kernel.type}{low}"

    def _best(
        self,
        *wanted: tuple[_Person, str],
        known: str,
        low: str,
        forbidden: tuple[_Person, str] | None = None,
    ) -> str | None:
        """The first type of directory, `known` before all others, where each has these rights, and that one not."""
        user = self._kernel.user
        kinds = sorted(self._tables.types, key=lambda kind: (kind != known, kind))
        for person, perms in wanted:
            kinds = self._where(person, perms, kinds, low)
        if forbidden is not None:
            taken = set(self._where(*forbidden, kinds, low))
            kinds = [kind for kind in kinds if kind not in taken]
        may_live = self._may_live(f"{user}:object_r:{kind}{low}" for kind in kinds)
        return next((kind for kind, may in zip(kinds, may_live, strict=True) if may), None)

    def _may_live(self, objects: Iterable[str]) -> list[bool]:
        """Whether objects with these labels may be on the filesystem; of one that the policy has no label for, all."""
        asked = [Query.of(label, self._fs, "filesystem", "associate") for label in objects]
        if not grants.has_filesystem(self._policy):
            return [True] * len(asked)
        return [not lack for lack in self._policy.missing(asked)]

    def _where(self, person: _Person, perms: str, kinds: Iterable[str], low: str, user: str = "") -> list[str]:
        """The types of which the person has these rights over directories; those of `user`, else of the system's."""
        kinds, user = list(kinds), user or self._kernel.user
        lacking = self._policy.missing(
            Query.of(person.context, f"{user}:object_r:{kind}{low}", "dir", perms) for kind in kinds
        )
        return [kind for kind, lack in zip(kinds, lacking, strict=True) if not lack]

    def _names(self, user: _Person, places: dict[str, str]) -> tuple[str, ...]:
        """One name without a rule of its own, then some that have one in a directory of the profile."""
        kinds = set(places.values())
        named = sorted(
            name for source, target, _, name in self._tables.type_rules.named if source == user.type and target in kinds
        )
        return ("plain", *dict.fromkeys(named))[:_NAMES_MAX]

    def _fscreate(self, user: _Person, places: dict[str, str], relabel: str, denied: str, low: str) -> Iterator[str]:
        """What the user may make anyway, another label of his, one that is not his, and another user's."""
        other = next((name for name in sorted(self._tables.users) if name != user.user), user.user)
        wanted = [(user.user, places["inherit"]), (user.user, relabel), (user.user, denied), (other, places["inherit"])]
        for owner, kind in dict.fromkeys(wanted):
            yield f"{owner}:object_r:{kind}{low}"

    def _people(self, user: _Person) -> Iterator[str]:
        """The user over its range and at its low end, then a login of every other role, then others of his own."""
        contexts, seen = [user.context, user.low], {user.role, user.type}
        strangers = [person for person in self._all if person.role == user.role and person.user == user.user]
        logins = sorted(self._logins, key=lambda p: (p.type not in self._transitions, p.context))
        for person, mark in [*((p, p.role) for p in logins), *((p, p.type) for p in strangers)]:
            if mark not in seen and self._valid(person):
                seen.add(mark)
                contexts.append(person.low)
        yield from list(dict.fromkeys(contexts))[:_SUBJECTS_MAX]

    def _valid(self, person: _Person) -> bool:
        return self._policy.model.canonical(person.low) is not None


def _low(person: _Person) -> str:
    """The low end of the range, with the colon before it; nothing without levels."""
    parts = person.low.split(":", 3)
    return f":{parts[3]}" if len(parts) > 3 else ""
