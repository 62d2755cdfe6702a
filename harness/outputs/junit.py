"""JUnit XML: one test suite a suite, as the schemas of Jenkins (junit-10.xsd) and of Ant (JUnit.xsd) both want it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from harness import report
from harness.outputs.text import clean
from harness.outputs.told import Told
from harness.results import Status, Test

# What a status is here; the others are tests that passed.
_ELEMENTS: dict[Status, str] = {
    "FAIL": "failure", "XPASS": "failure", "VACUOUS": "failure", "ERROR": "error", "TIMEOUT": "error",
    "SKIP": "skipped", "KNOWN": "skipped",
}  # fmt: skip


def render(told: Told) -> str:
    """The document."""
    root = ET.Element("testsuites")
    for number, row in enumerate(report.by_suite(told.found.tests)):
        root.append(_suite(number, row, told))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(number: int, row: dict[str, Any], told: Told) -> ET.Element:
    found, tests = told.found, row["tests"]
    counts = {kind: sum(_ELEMENTS.get(test.status) == kind for test in tests) for kind in set(_ELEMENTS.values())}
    suite = _element(
        "testsuite", name=row["name"], tests=len(tests), failures=counts["failure"], errors=counts["error"],
        skipped=counts["skipped"], time=f"{row['duration_s']:.3f}", timestamp=found.started[:19],
        hostname="localhost", id=number, package="labelproof",
    )  # fmt: skip
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(told):
        properties.append(_element("property", name=name, value=value))
    suite.extend(_case(test, told) for test in tests)
    ET.SubElement(suite, "system-out").text = clean(found.reason)
    ET.SubElement(suite, "system-err")
    return suite


def _properties(told: Told) -> Iterator[tuple[str, object]]:
    found = told.found
    yield from (("verdict", found.verdict), ("runtime", found.runtime), ("seed", found.seed), ("run", told.run.id))
    if found.policy:
        yield "policy", f"{found.policy['name']} {found.policy['digest']}"
    yield from (
        ("replay", found.replay),
        ("operations", found.judged.operations),
        ("decisions", found.judged.decisions),
    )


def _case(test: Test, told: Told) -> ET.Element:
    path, _, name = test.id.partition("::")
    case = _element("testcase", name=name or path, classname=path.removesuffix(".py").replace("/", "."),
                    time=f"{test.duration_s:.3f}")  # fmt: skip
    if kind := _ELEMENTS.get(test.status):
        entry = _element(kind, message=test.reason or test.status, type=test.status)
        if kind != "skipped":
            entry.text = "\n".join(map(clean, _text(test, told)))
        case.append(entry)
    return case


def _text(test: Test, told: Told) -> Sequence[str]:
    """What is wrong, where, and what to type."""
    lines = [test.place] if test.place else []
    for problem in told.of(test):
        lines += [f"{problem.rule}: {problem.whole}"]
        lines += [f"{name}: {value}" for name, value in (("object", problem.object), ("step", problem.step)) if value]
        lines += problem.events
    again = told.again(test)
    return [*lines, f"again: {again}"] if again else lines


def _element(tag: str, **attributes: object) -> ET.Element:
    return ET.Element(tag, {name: clean(str(value)) for name, value in attributes.items()})
