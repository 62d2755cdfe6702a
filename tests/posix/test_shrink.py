"""How a sequence that differs is made short."""

from posixdiff.shrink import shrunk


def test_what_is_left_is_what_it_takes():
    """Of a thousand items exactly the two remain without which it does not fail."""
    asked = []

    def fails(items):
        asked.append(len(items))
        return {17, 803} <= set(items)

    left = shrunk(range(1000), fails)

    assert left == [17, 803]
    assert len(asked) < 200


def test_nothing_can_be_left_out_of_what_needs_all():
    """A sequence whose every item counts stays as it is."""
    assert shrunk("abc", lambda items: list(items) == list("abc")) == ["a", "b", "c"]
