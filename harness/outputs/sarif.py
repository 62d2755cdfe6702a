"""SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format): a result for each thing that is wrong.

A code flow is the way to it, which viewers show step by step. Every location of a way is the line of the test, with the
node as logical location: what happened on a node has no line in a source file.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from harness import checkers
from harness.outputs.text import clean
from harness.outputs.told import Problem, Told
from harness.outputs.way import Stop

JSON = dict[str, Any]
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS_MAX = 5000  # as many as GitHub shows
_MESSAGE_MAX = 2000
_NESTING = {"op": 0, "rpc": 1, "answer": 1, "decision": 2, "label": 2}
_EVENT = re.compile(r"((?:cluster-[^/]+/)?history/[^/]+\.jsonl) line (\d+)")


def render(told: Told) -> str:
    """The log, as JSON text."""
    return json.dumps(log(told), indent=1, ensure_ascii=False) + "\n"


def log(told: Told) -> JSON:
    """The log, as JSON values."""
    found, shown = told.found, told.problems[:RESULTS_MAX]
    rules = sorted({problem.rule for problem in shown})
    run: JSON = {
        "tool": {
            "driver": {
                "name": "labelproof",
                "version": str(found.versions.get("labelproof") or "0"),
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "automationDetails": {"id": f"labelproof/{found.runtime}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"RUN": {"uri": f"{told.run.path.resolve().as_uri()}/"}},
        "invocations": [
            {
                "executionSuccessful": not found.interrupted,
                "exitCode": int(found.exit),
                "startTimeUtc": found.started.replace("+00:00", "Z"),
                "toolExecutionNotifications": [_notification(text) for text in _notes(told)],
            }
        ],
        "results": [_result(problem, rules.index(problem.rule), told) for problem in shown],
        "properties": {"verdict": found.verdict, "runtime": found.runtime, "seed": found.seed, "replay": found.replay},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, index: int, told: Told) -> JSON:
    test = f"{problem.test.id}: " if problem.test else ""
    result: JSON = {
        "ruleId": problem.rule,
        "ruleIndex": index,
        "level": "error",
        "kind": "fail",
        "message": _message(f"{test}{problem.whole}"),
        "locations": [_where(problem)],
        "partialFingerprints": {"labelproof/v1": _fingerprint(problem)},
        "properties": {
            "test": clean(problem.test.id) if problem.test else "",
            "object": clean(problem.object),
            "step": clean(problem.step),
            "replay": told.again(problem.test),
        },
    }
    if related := [_event(text) for text in problem.events if _EVENT.fullmatch(text)]:
        result["relatedLocations"] = related
    if problem.stops:
        locations = [_stop(stop, number, problem) for number, stop in enumerate(problem.stops, 1)]
        result["codeFlows"] = [{"message": _message("the way to it"), "threadFlows": [{"locations": locations}]}]
    return result


def _stop(stop: Stop, number: int, problem: Problem) -> JSON:
    location = _where(problem) | {"message": _message(stop.full)}
    location["logicalLocations"] = [{"name": stop.node, "fullyQualifiedName": stop.node, "kind": "resource"}]
    return {
        "location": location,
        "executionOrder": number,
        "nestingLevel": _NESTING[stop.kind],
        "kinds": [stop.kind],
        "importance": "essential" if stop.culprit or stop.bad else "important" if stop.kind == "op" else "unimportant",
    }


def _where(problem: Problem) -> JSON:
    """The line of the test; of what belongs to no test the run's results."""
    if not problem.path:
        return {"physicalLocation": {"artifactLocation": {"uri": "results.json", "uriBaseId": "RUN"}}}
    return _physical(_artifact(problem.path), problem.line)


def _event(text: str) -> JSON:
    found = _EVENT.fullmatch(text)
    assert found is not None
    artifact = {"uri": quote(found[1]), "uriBaseId": "RUN"}
    return _physical(artifact, int(found[2])) | {"message": _message(text)}


def _artifact(path: str) -> JSON:
    """A path of the project is relative to whatever the reader calls its root; any other is whole."""
    if PurePath(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(path, errors="surrogateescape"), "uriBaseId": "%SRCROOT%"}


def _physical(artifact: Mapping[str, Any], line: int) -> JSON:
    return {"physicalLocation": {"artifactLocation": dict(artifact), "region": {"startLine": line}}}


def _fingerprint(problem: Problem) -> str:
    """The same for the same problem in another run: test, rule and sentence without FIDs and numbers."""
    sentence = re.sub(r"\[0x[^\]]*\]|\d+", "#", problem.sentence)
    text = "\0".join((problem.test.id if problem.test else "", problem.rule, sentence))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _rule(rule: str) -> JSON:
    name, _, kind = rule.partition("/")
    about = f"a test is {kind}" if name == "test" else _about(name) or f"what {name} found"
    return {"id": rule, "name": rule, "shortDescription": _message(about), "defaultConfiguration": {"level": "error"}}


def _about(name: str) -> str:
    """The rule of a checker, the first sentence of its own documentation."""
    for kind in checkers.CHECKERS:
        if kind.name == name:
            return " ".join((sys.modules[kind.__module__].__doc__ or "").partition("\n\n")[0].split())
    return ""


def _notes(told: Told) -> Iterable[str]:
    if told.found.verdict == "inconclusive":
        yield f"inconclusive: {told.found.reason}"
    yield from (f"{item.name} cannot tell: {item.because}" for item in told.found.checkers if item.valid == "unknown")
    yield from told.damage if told.problems else ()
    if (of := len(told.problems)) > RESULTS_MAX:
        yield f"{RESULTS_MAX} of {of} results are told here"


def _notification(text: str) -> JSON:
    return {"level": "warning", "message": _message(text)}


def _message(text: str) -> JSON:
    return {"text": clean(text, _MESSAGE_MAX)}
