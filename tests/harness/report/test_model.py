"""What the page is made of: stories, failures with their steps, pictures, counts."""

from typing import Any

from harness import checkers, history
from harness.checkers import Finding
from harness.report import failures, pack, picture, reading
from harness.report.book import Counts, short, text
from harness.results import Test

TEST = "a.py::one"
OTHER = "[0x200000400:0x2:0x0]"
HOME, SECRET = "user_u:object_r:home_t:s0", "user_u:object_r:secret_t:s0"
DIR = "[0x200000400:0x1:0x0]"


def book(recorder: Any, *culprits: dict[str, Any]) -> Any:
    events = checkers.causal(history.read(recorder.write().path / "history").events)
    return reading.read(events, {(event["n"], event["i"]) for event in culprits})


def finding(culprit: dict[str, Any], test: str | None = TEST) -> Finding:
    return Finding("mediation", "unexpected-allow", "mds0 allowed", ({"n": culprit["n"], "i": culprit["i"]},),
                   "denied", "allowed", test)  # fmt: skip


def test_a_story_has_operations_with_what_they_caused(recorder: Any) -> None:
    """An operation knows its subject, its rpc with the object's label of then, its decisions and its end."""
    recorder.label(DIR, HOME)
    recorder.op(TEST, "mkdir", "/d/x", denied=True)
    step = book(recorder).stories[TEST].steps[0]

    assert (step.f, step.what, step.subject, step.outcome) == ("mkdir", "/d/x", "user_u:user_r:user_t:s0", "EACCES")
    assert [(rpc.method, rpc.named, rpc.object, rpc.status) for rpc in step.rpcs] == [("Mds/Mkdir", "x", HOME, 13)]
    assert [(item.hook, item.denied, item.reason) for item in step.decisions] == [("inode_mkdir", ("write",), "te")]


def test_the_label_on_an_arrow_is_the_one_of_that_moment(recorder: Any) -> None:
    """A relabel in between changes the arrows after it, and none before."""
    recorder.label(DIR, HOME)
    recorder.op(TEST, "stat", "/d/x")
    recorder.label(DIR, SECRET)
    recorder.op(TEST, "stat", "/d/x")

    assert [step.rpcs[0].object for step in book(recorder).stories[TEST].steps] == [HOME, SECRET]


def test_an_unknown_end_says_so(recorder: Any) -> None:
    """An operation without an answer may have happened."""
    recorder.op(TEST, "rename", "/d/x", lost=True)

    assert book(recorder).stories[TEST].steps[0].outcome == "ETIMEDOUT (may have happened)"


def test_a_failure_names_rule_object_and_step(recorder: Any) -> None:
    """The sentence, with the object's path and the operation at which it happened."""
    recorder.label(DIR, HOME, "d", parent="[0x200000007:0x1:0x0]")
    recorder.op(TEST, "stat", "/d/x")
    culprit = recorder.op(TEST, "mkdir", "/d/y")
    found = book(recorder, culprit)
    failed = Test(TEST, "a", "FAIL")
    (failure,) = failures.of_test(failed, found.stories[TEST], found, [finding(culprit)])

    assert (failure.sentence, failure.rule) == ("mds0 allowed", "mediation unexpected-allow")
    assert failure.object == f"/d {DIR}"
    assert failure.step == "step 2: mkdir /d/y, ok"
    assert (failure.expected, failure.actual) == ("denied", "allowed")
    assert failure.events == (f"history/mds0.jsonl line {culprit['i'] + 1}",)


def test_the_steps_are_those_about_the_object(recorder: Any) -> None:
    """Operations on other objects are left out, and so is what came after."""
    recorder.label(DIR, HOME)
    for number in range(6):
        recorder.op(TEST, "stat", f"/other/{number}", fid=OTHER)
        recorder.op(TEST, "stat", f"/d/{number}")
    culprit = recorder.op(TEST, "mkdir", "/d/last")
    recorder.op(TEST, "stat", "/d/after")
    found = book(recorder, culprit)
    (failure,) = failures.of_test(Test(TEST, "a", "FAIL"), found.stories[TEST], found, [finding(culprit)])

    assert [step.what for step in failure.steps] == [*(f"/d/{number}" for number in range(6)), "/d/last"]
    assert failure.of == 14


def test_there_are_five_to_fifteen_steps(recorder: Any) -> None:
    """A short way is filled up with what came just before; of a long one the end is shown."""
    for number in range(30):
        recorder.op(TEST, "stat", f"/other/{number}", fid=OTHER)
    culprit = recorder.op(TEST, "mkdir", "/d/last")
    found = book(recorder, culprit)
    story = found.stories[TEST]

    few = failures.steps_about(story, {DIR}, [story.steps[-1]])
    many = failures.steps_about(story, {OTHER}, [story.steps[-1]])

    assert [step.number for step in few] == [27, 28, 29, 30, 31]
    assert [step.number for step in many] == list(range(17, 32))


def test_an_assertion_of_the_test_itself_is_a_failure(recorder: Any) -> None:
    """Without a finding, the reason of the test is the sentence, and its last operations are the steps."""
    recorder.op(TEST, "stat", "/d/x")
    story = book(recorder).stories[TEST]
    (failure,) = failures.of_test(Test(TEST, "a", "FAIL", "assert 1 == 2"), story, None, [])

    assert (failure.sentence, failure.step) == ("assert 1 == 2", "step 1: stat /d/x, ok")
    assert failures.of_test(Test(TEST, "a", "PASS"), story, None, []) == ()


def test_a_finding_without_a_test_goes_to_the_last_that_had_the_object(recorder: Any) -> None:
    """What a store is found to hold at the end belongs to whoever worked on it."""
    recorder.op("a.py::first", "stat", "/d/x")
    recorder.op(TEST, "stat", "/d/x")
    recorder.op("a.py::other", "stat", "/o", fid=OTHER)
    raw = recorder.event("harness", "raw", object=DIR, target="mds0", labels={})

    assert failures.home(finding(raw, None), book(recorder, raw)) == TEST


def test_the_picture_has_a_lane_a_node_and_an_arrow_a_message(recorder: Any) -> None:
    """Requests go from client to server with labels, answers back with the errno, a decision on its server's lane."""
    recorder.label(DIR, HOME)
    decision = recorder.op(TEST, "mkdir", "/d/x", denied=True)
    story = book(recorder, decision).stories[TEST]
    drawn = picture.draw(story, story.steps)
    lanes = {lane.name: lane.x for lane in drawn.lanes}
    there, back = drawn.arrows
    marks = {mark.kind: mark for mark in drawn.marks}

    assert list(lanes) == ["harness", "client0", "mds0"]
    assert (there.x1, there.x2, there.kind) == (lanes["client0"], lanes["mds0"], "call")
    assert there.text == "Mkdir x user_t → home_t"
    assert (back.x1, back.x2, back.kind, back.text) == (lanes["mds0"], lanes["client0"], "denied", "EACCES")
    assert there.y1 < there.y2 < marks["denied"].y < back.y1 < back.y2 < drawn.height
    assert marks["denied"].x == lanes["mds0"]
    assert marks["denied"].text == "inode_mkdir dir { write } user_t → secret_t  denied (te)"
    assert marks["denied"].culprit


def test_rows_of_a_picture_never_share_a_place(recorder: Any) -> None:
    """Marks and the beginnings of messages have rows of their own."""
    for number in range(8):
        recorder.op(TEST, "mkdir", f"/d/{number}", denied=number % 2 == 0)
    story = book(recorder).stories[TEST]
    drawn = picture.draw(story, story.steps)
    rows = [mark.y for mark in drawn.marks] + [arrow.y1 for arrow in drawn.arrows]

    assert len(rows) == len(set(rows))


def test_a_lost_message_ends_half_way(recorder: Any) -> None:
    """A request that nobody recorded as received does not reach its lane."""
    recorder.op(TEST, "stat", "/d/x")
    recorder.op(TEST, "mkdir", "/d/x", lost=True)
    story = book(recorder).stories[TEST]
    drawn = picture.draw(story, story.steps)
    (lost,) = [arrow for arrow in drawn.arrows if arrow.kind == "lost"]
    lanes = {lane.name: lane.x for lane in drawn.lanes}

    assert lanes["client0"] < lost.x2 < lanes["mds0"]


def test_faults_are_in_the_picture(recorder: Any) -> None:
    """A fault that was there during the test is a mark between its operations."""
    recorder.op(TEST, "stat", "/d/x")
    recorder.event("harness", "fault", name="partition", phase="start", target="mds0")
    recorder.op(TEST, "stat", "/d/y")
    story = book(recorder).stories[TEST]

    assert [mark.text for mark in picture.draw(story, story.steps).marks if mark.kind == "fault"] == [
        "fault: partition start mds0"
    ]


def test_a_long_picture_keeps_its_end(recorder: Any) -> None:
    """Earlier operations go where there are too many rows, and how many are there is told."""
    for number in range(60):
        recorder.op(TEST, "stat", f"/d/{number}")
    story = book(recorder).stories[TEST]
    drawn = picture.draw(story, story.steps)

    assert drawn.of == 60
    assert 1 < drawn.shown < 60
    assert [mark.text for mark in drawn.marks if mark.kind == "op"][-1].startswith("60. stat /d/59")


def test_counts_by_hook_class_and_permission(recorder: Any) -> None:
    """Only the permission that is missing counts as denied; counts of several clusters add up."""
    recorder.op(TEST, "mkdir", "/d/x")
    recorder.op(TEST, "mkdir", "/d/x", denied=True)
    one = book(recorder).counts
    both = Counts()
    both.add(one)
    both.add(one)

    assert one.matrix() == [("inode_mkdir", "dir", [("search", 2, 0), ("write", 1, 1)])]
    assert both.matrix() == [("inode_mkdir", "dir", [("search", 4, 0), ("write", 2, 2)])]
    assert both.ranked()[0] == ("user_u:user_r:user_t:s0", [4, 0, 0])


def test_packs_stop_where_there_is_no_room() -> None:
    """Whole packs in order; the rest is counted, not dropped in silence."""
    names = [str(number) for number in range(30)]
    whole = pack.pack(names, lambda name: f"<p>{name}</p>", 10_000)
    cut = pack.pack(names, lambda name: f"<p>{name}</p>", len(whole.packs[0]) + 1)

    assert (len(whole.places), whole.left) == (30, 0)
    assert (len(cut.places), cut.left) == (12, 18)
    assert whole.places["13"] == (1, 1)


def test_words() -> None:
    """A context shortens to its type, with the level where it says something; bytes are hex."""
    assert short(HOME) == "home_t"
    assert short("u:r:t:s2:c1-s3") == "t:s2:c1"
    assert short("_") == "_"
    assert text({"hex": "ff00"}) == "0xff00"
    assert reading.arguments({"mode": 0o644, "path": "/f", "follow": True, "flags": 0}) == "/f mode=0o644"
