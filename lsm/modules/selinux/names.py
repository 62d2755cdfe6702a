"""The names that a policy declares, and what they stand for in its rules."""

from collections.abc import Mapping, Set
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from lsm.modules.selinux import sets
from lsm.modules.selinux.declarations import Declarations
from lsm.modules.selinux.mls import Level, Levels, Range
from lsm.modules.selinux.sexpr import Sexpr, at_line, items, name

V = TypeVar("V")


class Names:
    """The declared names, resolved. ValueError where one speaks of another that is not declared."""

    def __init__(self, declared: Declarations) -> None:
        self.declared = declared
        self.classes = self._classes()
        # The permissions of each class that a rule has spoken of, as bits.
        self._bits: dict[str, dict[str, int]] = {}
        self.types = tuple(declared.types)
        self._type_names = frozenset(self.types)
        self.attributes = self._attributes()
        self.attributes_of = self._attributes_of()
        self.levels = self._levels() if declared.mls else Levels()

    def level(self, expression: Sexpr) -> Level:
        """A level: (s0), (s0 (c0 c1 (range c3 c5))) or the name of one."""
        if isinstance(expression, str):
            expression = find(self.declared.named_levels, expression, "level")
        sens, *categories = items(expression)
        sens_index = self.levels.sens_index or {}
        return Level(find(sens_index, name(sens), "sensitivity"), self.cats(list(categories)))

    def range(self, expression: Sexpr) -> Range:
        """A range: (low high). Without MLS nothing is read and both ends are Level(0, 0)."""
        if not self.declared.mls:
            return Level(0, 0), Level(0, 0)
        low, high = items(expression)
        return self.level(low), self.level(high)

    def cats(self, expression: Sexpr) -> int:
        """The categories of a set expression, bit i = i-th category."""
        index = self.levels.cat_index or {}
        mask = 0
        for category in sets.members(expression, self.levels.categories, self._category):
            mask |= 1 << index[category]
        return mask

    def type_set(self, expression: Sexpr) -> Set[str]:
        """The types of a set expression over types, aliases and attributes."""
        return sets.members(expression, self.types, self._type_or_attribute)

    def type(self, expression: Sexpr) -> str:
        """One type, by its own name or an alias."""
        text = name(expression)
        text = self.declared.aliases["type"].get(text, text)
        if text not in self._type_names:
            raise ValueError(f"unknown type {text!r}")
        return text

    def type_or_attribute(self, expression: Sexpr) -> str:
        """One type or attribute, by name."""
        text = name(expression)
        return text if text in self.attributes else self.type(text)

    def mask(self, tclass: str, perms: list[str]) -> int:
        """The bits of a class's permissions."""
        bits = self._bits.get(tclass)
        if bits is None:
            order = find(self.classes, tclass, "class")
            bits = self._bits[tclass] = {perm: 1 << number for number, perm in enumerate(order)}
        mask = 0
        for perm in perms:
            if perm not in bits:
                raise ValueError(f"class {tclass!r} has no permission {perm!r}")
            mask |= bits[perm]
        return mask

    def _classes(self) -> dict[str, tuple[str, ...]]:
        order = self.declared.orders.get("class", ())
        found = {}
        for tclass in (*order, *self.declared.classes):
            with self._line_of("class", tclass):
                found[tclass] = self._perms(tclass)
        return found

    def _line_of(self, keyword: str, first: str) -> AbstractContextManager[None]:
        return at_line(self.declared.lines.get((keyword, first), 0))

    def _perms(self, tclass: str) -> tuple[str, ...]:
        own = find(self.declared.classes, tclass, "class")
        common = self.declared.common_of.get(tclass)
        perms = (*find(self.declared.commons, common, "common"), *own) if common else own
        if len(perms) > 32:
            raise ValueError(f"class {tclass!r} has {len(perms)} permissions, and 32 is the most")
        return perms

    def _attributes(self) -> dict[str, frozenset[str]]:
        resolved: dict[str, frozenset[str]] = {}
        for attribute in self.declared.attributes:
            with self._line_of("typeattributeset", attribute):
                self._member_of(resolved, (), attribute)
        return {attribute: resolved[attribute] for attribute in self.declared.attributes}

    def _member_of(self, resolved: dict[str, frozenset[str]], within: tuple[str, ...], text: str) -> Set[str]:
        """An attribute's types (which may be made of other attributes), or the type itself."""
        if text not in self.declared.attributes:
            return {self.type(text)}
        if text in within:
            raise ValueError(f"attribute {text!r} is made of itself")
        if text not in resolved:
            lookup = partial(self._member_of, resolved, (*within, text))
            parts = [sets.members(part, self.types, lookup) for part in self.declared.attributes[text]]
            resolved[text] = frozenset().union(*parts)
        return resolved[text]

    def _attributes_of(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {type_name: [type_name] for type_name in self.types}
        for attribute, types in self.attributes.items():
            for type_name in types:
                found[type_name].append(attribute)
        return {type_name: tuple(attributes) for type_name, attributes in found.items()}

    def _levels(self) -> Levels:
        orders = self.declared.orders
        sensitivities, categories = orders.get("sensitivity", ()), orders.get("category", ())
        sens_index = self._index(sensitivities, "sensitivity")
        self.levels = Levels(sensitivities, categories, sens_index, self._index(categories, "category"))
        allowed = [0] * len(sensitivities)
        for sens, expressions in self.declared.sens_cats.items():
            with self._line_of("sensitivitycategory", sens):
                allowed[find(sens_index, sens, "sensitivity")] |= self.cats(expressions)
        return Levels(sensitivities, categories, sens_index, self.levels.cat_index, tuple(allowed))

    def _index(self, order: tuple[str, ...], kind: str) -> dict[str, int]:
        index = {declared: at for at, declared in enumerate(order)}
        for alias, actual in self.declared.aliases[kind].items():
            with self._line_of(f"{kind}aliasactual", alias):
                index[alias] = find(index, actual, kind)
        return index

    def _category(self, text: str) -> Set[str]:
        at = find(self.levels.cat_index or {}, text, "category")
        return {self.levels.categories[at]}

    def _type_or_attribute(self, text: str) -> Set[str]:
        return self.attributes[text] if text in self.attributes else {self.type(text)}


def find(table: Mapping[str, V], key: str, what: str) -> V:
    """The entry of `key`; ValueError naming the kind of thing that is not declared."""
    if key not in table:
        raise ValueError(f"unknown {what} {key!r}")
    return table[key]
