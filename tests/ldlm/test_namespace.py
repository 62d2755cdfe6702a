"""Grants, callbacks and fairness of one server's locks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldlm import Bits, Mode, Namespace, compatible

PERM = Bits.PERM
LABEL = Bits.PERM | Bits.XATTR | Bits.LOOKUP


def ask(space, holder, mode, bits=PERM, resource="f"):
    return space.enqueue(resource, mode, bits, holder)


def holders(locks):
    return [lock.holder for lock in locks]


def granted(outcome):
    return [grant.lock.holder for grant in outcome.grants]


def told(outcome):
    return [(c.lock.holder, c.waiting.holder) for c in outcome.callbacks]


@pytest.mark.parametrize(("first", "second"), list(itertools.product(Mode, Mode)))
def test_two_clients_get_both_locks_exactly_if_the_modes_go_together(first, second):
    space = Namespace()
    ask(space, "a", first)

    outcome = ask(space, "b", second)

    together = compatible(first, second)
    assert granted(outcome) == (["b"] if together else [])
    assert told(outcome) == ([] if together else [("a", "b")])


def test_locks_on_other_bits_or_other_resources_do_not_meet():
    space = Namespace()
    ask(space, "a", Mode.EX, Bits.LAYOUT)

    assert granted(ask(space, "b", Mode.EX, Bits.PERM)) == ["b"]
    assert granted(ask(space, "c", Mode.EX, Bits.LAYOUT, "g")) == ["c"]


def test_locks_of_one_holder_never_meet():
    space = Namespace()
    ask(space, "a", Mode.EX)

    assert granted(ask(space, "a", Mode.EX)) == ["a"]


def test_a_relabel_is_granted_when_every_reader_has_let_go_and_each_is_asked_once():
    space = Namespace()
    readers = [ask(space, name, Mode.PR, LABEL).lock for name in "abc"]

    relabel = ask(space, "mds", Mode.EX, LABEL)
    again = ask(space, "d", Mode.PR, LABEL)
    steps = [space.cancel(lock.id) for lock in readers]

    assert told(relabel) == [("a", "mds"), ("b", "mds"), ("c", "mds")]
    assert told(again) == []
    assert [granted(step) for step in steps] == [[], [], ["mds"]]
    assert told(steps[-1]) == [("mds", "d")]


def test_a_late_reader_waits_behind_a_writer_that_waits():
    space = Namespace()
    first = ask(space, "a", Mode.PR).lock
    ask(space, "writer", Mode.EX)

    late = ask(space, "b", Mode.PR)

    assert granted(late) == []
    assert holders(space.waiting("f")) == ["writer", "b"]
    assert granted(space.cancel(first.id)) == ["writer"]


def test_a_waiter_that_gives_up_lets_those_behind_it_through():
    space = Namespace()
    ask(space, "a", Mode.PR)
    writer = ask(space, "writer", Mode.EX).lock
    ask(space, "b", Mode.PR)

    assert granted(space.cancel(writer.id)) == ["b"]


def test_converting_down_lets_in_what_then_goes_together():
    space = Namespace()
    lock = ask(space, "a", Mode.EX, LABEL).lock
    ask(space, "b", Mode.PR, LABEL)

    assert granted(space.convert(lock.id, Mode.PR, LABEL)) == ["b"]


def test_converting_away_the_bits_in_question_is_enough():
    space = Namespace()
    lock = ask(space, "a", Mode.PR, LABEL | Bits.LAYOUT).lock
    ask(space, "b", Mode.EX, LABEL)

    outcome = space.convert(lock.id, Mode.PR, Bits.LAYOUT)

    assert (granted(outcome), holders(space.granted("f"))) == (["b"], ["a", "b"])


def test_a_conversion_that_is_not_enough_is_followed_by_another_callback():
    space = Namespace()
    lock = ask(space, "a", Mode.EX).lock
    ask(space, "b", Mode.EX)

    outcome = space.convert(lock.id, Mode.PR, PERM)

    assert (granted(outcome), told(outcome)) == ([], [("a", "b")])


@pytest.mark.parametrize(("mode", "bits"), [(Mode.EX, PERM), (Mode.CW, PERM), (Mode.PR, LABEL)])
def test_a_lock_cannot_be_converted_into_a_stronger_one(mode, bits):
    space = Namespace()
    lock = ask(space, "a", Mode.PR).lock

    with pytest.raises(ValueError, match="weaker"):
        space.convert(lock.id, mode, bits)


def test_a_lock_that_waits_cannot_be_converted():
    space = Namespace()
    ask(space, "a", Mode.EX)
    lock = ask(space, "b", Mode.EX).lock

    with pytest.raises(ValueError, match="waits"):
        space.convert(lock.id, Mode.NL, PERM)


def test_converting_to_no_bits_cancels():
    space = Namespace()
    lock = ask(space, "a", Mode.EX).lock

    space.convert(lock.id, Mode.NL, Bits(0))

    assert space.granted("f") == ()


def test_an_evicted_client_stands_in_nobodys_way_anywhere():
    space = Namespace()
    ask(space, "a", Mode.EX)
    ask(space, "a", Mode.EX, resource="g")
    ask(space, "b", Mode.PR)
    ask(space, "c", Mode.PR, resource="g")

    assert granted(space.evict("a")) == ["b", "c"]


def test_a_cancel_that_crosses_an_evict_changes_nothing():
    space = Namespace()
    lock = ask(space, "a", Mode.EX).lock
    space.evict("a")

    assert space.cancel(lock.id).grants == ()


def test_a_lock_without_bits_is_refused():
    with pytest.raises(ValueError, match="bits"):
        ask(Namespace(), "a", Mode.PR, Bits(0))


STEP = st.one_of(
    st.tuples(
        st.just("enqueue"),
        st.sampled_from("fg"),
        st.sampled_from(Mode),
        st.sampled_from([PERM, Bits.LAYOUT, LABEL]),
        st.sampled_from("abc"),
    ),
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.tuples(st.just("convert"), st.integers(1, 12), st.sampled_from(Mode), st.sampled_from([PERM, LABEL, Bits(0)])),
    st.tuples(st.just("evict"), st.sampled_from("abc")),
)


@given(st.lists(STEP, max_size=25))
def test_whatever_happens_no_two_granted_locks_conflict_and_no_waiter_is_forgotten(steps):
    space = Namespace()
    asked: set[int] = set()

    for name, *args in steps:
        try:
            outcome = getattr(space, name)(*args)
        except (KeyError, ValueError):
            continue
        if name == "convert":
            asked.discard(args[0])
        owed = [callback.lock.id for callback in outcome.callbacks]
        assert not asked & set(owed)
        asked |= set(owed)
        for resource in "fg":
            _holds(space.granted(resource), space.waiting(resource), asked)


def _holds(granted_locks, waiting_locks, asked):
    """No conflict among the granted; each waiter is blocked by a holder who was asked, or by an older waiter."""
    assert not any(a.conflicts(b) for a, b in itertools.combinations(granted_locks, 2))
    for place, waiter in enumerate(waiting_locks):
        in_the_way = [lock for lock in granted_locks if waiter.conflicts(lock)]
        assert in_the_way or any(waiter.conflicts(older) for older in waiting_locks[:place])
        assert all(lock.id in asked for lock in in_the_way)


@given(st.lists(st.tuples(st.sampled_from(Mode), st.sampled_from("abcd")), min_size=1, max_size=12))
def test_every_waiter_is_granted_in_the_end_if_holders_let_go_when_asked(wanted):
    space = Namespace()
    owed, seen = [], set()
    for mode, holder in wanted:
        outcome = ask(space, holder, mode)
        owed += outcome.callbacks
        seen |= {grant.lock.id for grant in outcome.grants}

    while owed:
        outcome = space.cancel(owed.pop(0).lock.id)
        owed += outcome.callbacks
        seen |= {grant.lock.id for grant in outcome.grants}

    assert seen == set(range(1, len(wanted) + 1))
    assert space.waiting("f") == ()
