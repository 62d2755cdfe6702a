"""The forms: each valid for its readers, whatever the names in it are, and bounded."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.outputs import formats, github, junit, markdown, mermaid, sarif, text
from harness.outputs.formats import FORMATS
from harness.outputs.told import Problem, Told
from harness.outputs.way import Stop
from harness.results import Test
from harness.store import Run


def an(required: list[str] = [], **properties: Any) -> dict[str, Any]:  # noqa: B006  # only read
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


STRING, INDEX, BAG = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "object"}
MESSAGE = an(["text"], text={"type": "string", "minLength": 1})
URI = {"type": "string", "pattern": r"^[A-Za-z0-9%._~:/?#@!$&'()*+,;=-]+$"}
ARTIFACT = an(["uri"], uri=URI, uriBaseId=STRING)
PHYSICAL = an(["artifactLocation"], artifactLocation=ARTIFACT, region=an(startLine={"type": "integer", "minimum": 1}))
LOCATION = an(
    physicalLocation=PHYSICAL,
    message=MESSAGE,
    logicalLocations={"type": "array", "items": an(name=STRING, fullyQualifiedName=STRING, kind=STRING)},
)
STOP = an(
    location=LOCATION, executionOrder=INDEX, nestingLevel=INDEX, kinds={"type": "array", "items": STRING},
    importance={"enum": ["important", "essential", "unimportant"]},
)  # fmt: skip
FLOW = an(
    ["threadFlows"], message=MESSAGE,
    threadFlows={"type": "array", "minItems": 1, "items":
                 an(["locations"], locations={"type": "array", "minItems": 1, "items": STOP})},
)  # fmt: skip
RESULT = an(
    ["message", "ruleId", "locations"], ruleId=STRING, ruleIndex=INDEX, message=MESSAGE, properties=BAG,
    level={"enum": ["none", "note", "warning", "error"]},
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    locations={"type": "array", "minItems": 1, "items": LOCATION},
    relatedLocations={"type": "array", "items": LOCATION},
    codeFlows={"type": "array", "items": FLOW},
    partialFingerprints={"type": "object", "additionalProperties": STRING},
)  # fmt: skip
RULE = an(["id"], id=STRING, name=STRING, shortDescription=MESSAGE, defaultConfiguration=an(level={"enum": ["error"]}))
INVOCATION = an(
    ["executionSuccessful"], executionSuccessful={"type": "boolean"}, exitCode={"type": "integer"},
    startTimeUtc={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
    toolExecutionNotifications={"type": "array", "items": an(["message"], message=MESSAGE, level=STRING)},
)  # fmt: skip
RUN = an(
    ["tool", "results"], tool=an(["driver"], driver=an(["name"], name=STRING, version=STRING,
                                                      rules={"type": "array", "uniqueItems": True, "items": RULE})),
    automationDetails=an(id=STRING), columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]}, properties=BAG,
    originalUriBaseIds={"type": "object", "additionalProperties": an(uri={"type": "string", "pattern": "/$"})},
    invocations={"type": "array", "items": INVOCATION}, results={"type": "array", "items": RESULT},
)  # fmt: skip
# What SARIF 2.1.0 (sarif-schema-2.1.0.json) requires and allows of the objects and properties that are written here.
SARIF = an(
    ["version", "runs"], version={"const": "2.1.0"}, runs={"type": "array", "minItems": 1, "items": RUN},
    **{"$schema": URI},
)  # fmt: skip
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_sarif_is_valid(told: Told) -> None:
    """Every property is one of SARIF's, and every rule that a result names is described."""
    log = json.loads(sarif.render(told))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert [error.message for error in Draft202012Validator(SARIF).iter_errors(log)] == []
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert {"propagation/new-label", "mediation/hook-missing", "test/FAIL"} <= {rule["id"] for rule in rules}


def test_sarif_tells_where_and_how_it_came(told: Told) -> None:
    """The line of the test; the way as a code flow, nested as operation, rpc, decision; the lines of the history."""
    (run,) = sarif.log(told)["runs"]
    result = next(result for result in run["results"] if result["ruleId"] == "propagation/new-label")
    physical = result["locations"][0]["physicalLocation"]
    (flow,) = result["codeFlows"][0]["threadFlows"]
    related = result["relatedLocations"][0]["physicalLocation"]

    assert physical["artifactLocation"] == {"uri": "test_planted.py", "uriBaseId": "%SRCROOT%"}
    assert physical["region"]["startLine"] == 19
    assert [stop["executionOrder"] for stop in flow["locations"]] == list(range(1, len(flow["locations"]) + 1))
    assert {stop["nestingLevel"] for stop in flow["locations"]} == {0, 1, 2}
    assert {stop["location"]["logicalLocations"][0]["name"] for stop in flow["locations"]} >= {"harness", "mds0"}
    assert related["artifactLocation"] == {"uri": "history/mds0.jsonl", "uriBaseId": "RUN"}
    assert (told.run.path / related["artifactLocation"]["uri"]).exists()


def test_sarif_knows_the_same_problem_again(told: Told) -> None:
    """The fingerprint is of rule, test and sentence, not of FIDs and numbers; another rule is another problem."""
    problem = told.problems[0]
    other = replace(problem, sentence=problem.sentence.replace("0x200000400", "0x200000999"))

    def fingerprint(one: Problem) -> str:
        return sarif._result(one, 0, told)["partialFingerprints"]["labelproof/v1"]

    assert fingerprint(problem) == fingerprint(other)
    assert fingerprint(problem) != fingerprint(replace(problem, rule="other"))


def test_annotations_are_one_command_a_line(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing test each, named from the root of the checked-out project; nothing in a name starts a command."""
    monkeypatch.chdir(tmp_path)
    lines = github.render(told, {"GITHUB_WORKSPACE": str(tmp_path.parent)}).splitlines()
    shape = re.compile(r"::error file=([^,:]+),line=(\d+),title=([^,:]+)::(.+)")
    found = [shape.fullmatch(line) for line in lines]

    assert len(lines) == 4
    assert all(found)
    assert {(one[1], one[2]) for one in found if one} == {
        (f"{tmp_path.name}/test_planted.py", "19"),
        (f"{tmp_path.name}/test_planted.py", "32"),
        (f"{tmp_path.name}/case.labels.yaml", "6"),
    }
    assert "test_planted.py%3A%3Atest_planted[parent_label]" in lines[1] + lines[0]


def test_annotations_are_escaped() -> None:
    """Percent and line ends in a message, colon and comma too in a property."""
    assert github._command("error", "50%\n", {"title": "a:b,c%"}) == "::error title=a%3Ab%2Cc%25::50%25 "


def test_the_summary_of_a_step_is_appended(told: Told, tmp_path: Path) -> None:
    """What other steps wrote stays."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")

    github.summarise(told, {"GITHUB_STEP_SUMMARY": str(summary)})
    github.summarise(told, {})

    assert summary.read_text().startswith("before\n## ❌ labelproof: fail\n")


def test_markdown_holds_no_markup_of_a_name(told: Told, hostile: str) -> None:
    """Names become text: no fence, cell, tag, link or mention begins in one; each diagram is closed."""
    page = markdown.render(told)
    outside = re.sub(r"```mermaid\n.*?\n```", "", page, flags=re.S)
    tags = re.findall(r"<[^>]*>", outside)

    assert set(tags) == {"<code>", "</code>"}
    assert "`" not in outside.replace("`report.html`", "")
    assert "@" not in outside
    assert all(line.count("|") in (0, 4, 5) for line in outside.splitlines())
    assert text.markdown(hostile[:12]) in outside


def test_a_diagram_has_a_line_for_each_stop(told: Told) -> None:
    """Participants, messages and notes, and nothing else; a name neither ends a line nor a block."""
    line = re.compile(r"  (participant N\d+ as [\w#;.-]+|N\d+(->>|--x)N\d+: [^;:]*(#\d+;[^;:]*)*|Note over N\d+: .*)")
    for problem in told.problems:
        diagram = mermaid.render(problem.stops)

        head, *lines = diagram.splitlines()
        assert head == "sequenceDiagram"
        assert all(line.fullmatch(one) for one in lines), lines
        assert not re.search(r"\bend\b|`|%%", diagram)


def test_a_long_way_is_cut_and_says_so() -> None:
    """The last stops are shown: what is wrong is at the end."""
    stops = [Stop(at, "rpc", "client0", "mds0", f"Stat {at}", "") for at in range(100)]

    diagram = mermaid.render(stops)

    assert "60 earlier left out" in diagram
    assert "Stat 99" in diagram
    assert "Stat 59" not in diagram
    assert mermaid.render(()) == ""


def test_a_page_is_bounded(told: Told) -> None:
    """Of a thousand failures the first are told, and how many more there are; of annotations ten."""
    many = Told(told.run, told.found)
    test = Test("t.py::t", "t", "FAIL", "x" * 5000, 0.1, "t.py:1")
    problems = tuple(
        replace(told.problems[0], test=replace(test, id=f"t.py::t{number}"), sentence="y" * 5000)
        for number in range(1000)
    )
    many.__dict__["_problems"] = problems

    page, lines = markdown.render(many), github.render(many).splitlines()

    assert len(page.encode()) < markdown.BYTES_MAX + 10_000
    assert "980 more: see the report" in page
    assert len(lines) == 11
    assert lines[-1] == "::notice title=labelproof::990 more failures; the summary of the step has them"


# Of the schemas that build servers use (Jenkins' junit-10.xsd, Ant's JUnit.xsd): children and attributes, the required
# ones first.
JUNIT = {
    "testsuites": (["testsuite"], set(), set()),
    "testsuite": (
        ["properties", "testcase", "system-out", "system-err"],
        {"name", "tests", "failures", "errors", "time", "timestamp", "hostname", "id", "package"},
        {"skipped"},
    ),
    "properties": (["property"], set(), set()),
    "property": ([], {"name", "value"}, set()),
    "testcase": (["skipped", "error", "failure"], {"name", "classname", "time"}, set()),
    "failure": ([], {"message", "type"}, set()),
    "error": ([], {"message", "type"}, set()),
    "skipped": ([], {"message", "type"}, set()),
    "system-out": ([], set(), set()),
    "system-err": ([], set(), set()),
}


def test_junit_is_what_build_servers_read(told: Told) -> None:
    """Elements in their order with their attributes; a suite each; counts, properties and failures as in the run."""
    root = ET.fromstring(junit.render(told))

    for element in root.iter():
        children, required, optional = JUNIT[element.tag]
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)
        assert required <= set(element.attrib) <= required | optional
    assert [suite.get("name") for suite in root] == ["case.labels.yaml", "test_planted.py"]
    assert (root[1].get("tests"), root[1].get("failures"), root[1].get("skipped")) == ("5", "3", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", root[1].get("timestamp", ""))
    assert root[1].find("properties/property[@name='runtime']").get("value") == "sim"
    failure = root[1].find("testcase[@name='test_asserts']/failure")
    assert failure.text.startswith("test_planted.py:32\ntest/FAIL: ")
    assert failure.text.endswith("--seed 3 -k test_asserts")
    assert (told.run.path / "junit.xml").read_text() == junit.render(told)


@pytest.mark.parametrize("form", FORMATS)
def test_no_form_holds_what_cannot_be_seen(told: Told, form: str) -> None:
    """Control characters, changes of direction and lone surrogates are escapes; the file can be written and read."""
    rendered = FORMATS[form](told)

    assert INVISIBLE.findall(rendered.replace("\t", "")) == ([] if form != "html" else INVISIBLE.findall(rendered))
    assert rendered.encode("utf-8", "backslashreplace")


def test_a_run_that_passed_has_nothing_to_say(told: Told) -> None:
    """No result, no annotation; the summary says that it passed."""
    good = Told(Run(told.run.path), replace(told.found, verdict="pass", tests=told.found.tests[-2:-1], reason="fine"))

    assert sarif.log(good)["runs"][0]["results"] == []
    assert github.render(good) == ""
    assert "## ✅ labelproof: pass" in markdown.render(good)


def test_an_inconclusive_run_is_a_warning(told: Told) -> None:
    """In the annotations and among SARIF's notifications."""
    unsure = Told(told.run, replace(told.found, verdict="inconclusive", reason="nobody knows"))

    assert github.render(unsure) == "::warning title=labelproof::inconclusive: nobody knows\n"
    notes = sarif.log(unsure)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert "inconclusive: nobody knows" in [note["message"]["text"] for note in notes]


def test_the_fingerprints_differ(told: Told) -> None:
    """Two problems of one run are two alerts, unless they say the same of the same test."""
    (run,) = sarif.log(told)["runs"]
    seen = Counter(result["partialFingerprints"]["labelproof/v1"] for result in run["results"])
    said = Counter((p.test.id if p.test else "", p.rule, re.sub(r"\[0x[^\]]*\]|\d+", "#", p.sentence))
                   for p in told.problems)  # fmt: skip

    assert sorted(seen.values()) == sorted(said.values())


def test_a_file_is_written(told: Told, tmp_path: Path) -> None:
    """As UTF-8, what is none as an escape."""
    formats.write(tmp_path / "x", "a\udcffb")

    assert (tmp_path / "x").read_bytes() == b"a\\udcffb"
