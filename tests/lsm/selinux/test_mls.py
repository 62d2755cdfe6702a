import pytest

from lsm.modules.selinux import mls
from lsm.modules.selinux.mls import Level
from lsm.modules.selinux.policy import Policy


@pytest.fixture
def levels(base: str) -> mls.Levels:
    return Policy.parse(base).levels


def test_dominance_needs_sensitivity_and_every_category() -> None:
    """A level dominates another that is no higher and has no category more."""
    assert mls.dominates(Level(1, 0b11), Level(0, 0b01))
    assert mls.dominates(Level(1, 0b11), Level(1, 0b11))
    assert not mls.dominates(Level(1, 0b01), Level(0, 0b10))
    assert not mls.dominates(Level(0, 0b11), Level(1, 0))


def test_containment() -> None:
    """A range contains another whose ends lie between its own."""
    outer = Level(0, 0), Level(2, 0b11)

    assert mls.contains(outer, (Level(1, 0b01), Level(2, 0b01)))
    assert not mls.contains(outer, (Level(1, 0b100), Level(2, 0b100)))
    assert not mls.contains((Level(1, 0), Level(2, 0)), (Level(0, 0), Level(2, 0)))


def test_glblub() -> None:
    """glblub takes the greater low, the lesser high, and the categories common to each end."""
    first = Level(0, 0b011), Level(2, 0b111)
    second = Level(1, 0b110), Level(3, 0b110)

    assert mls.glblub(first, second) == (Level(1, 0b010), Level(2, 0b110))


def test_glblub_of_apart_ranges() -> None:
    """Ranges with no sensitivity in common have no glblub."""
    with pytest.raises(ValueError, match="in common"):
        mls.glblub((Level(0, 0), Level(0, 0)), (Level(1, 0), Level(2, 0)))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("s0", "s0"),
        ("s0-s0", "s0"),
        ("s0:c3,c1,c2", "s0:c1.c3"),
        ("s0:c1,c0", "s0:c0,c1"),
        ("s0:c0.c1,c3", "s0:c0,c1,c3"),
        ("s0:c0,c0", "s0:c0"),
        ("s0-secret:blue", "s0-s1:c2"),
        ("s0:c0.blue-s1:c0.c2", "s0:c0.c2-s1:c0.c2"),
    ],
)
def test_canonical_form(levels: mls.Levels, text: str, canonical: str) -> None:
    """Categories come out sorted, runs of three or more joined, aliases resolved, equal ends once."""
    assert levels.format_range(levels.parse_range(text)) == canonical


@pytest.mark.parametrize(
    "text", ["", "s9", "s0-", "-s0", "s0:", "s0:c9", "s0:c0,", "s0:c1.c1", "s0:c2.c0", "s0:c0.c1.c2", "s0-s1-s2", " s0"]
)
def test_refuses_malformed(levels: mls.Levels, text: str) -> None:
    """A trailing dash, an empty field, an unknown name or a backward range is refused."""
    with pytest.raises(ValueError, match=r"unknown|backwards"):
        levels.parse_range(text)


def test_validity(levels: mls.Levels) -> None:
    """A level may carry its sensitivity's categories only, and high must dominate low."""
    assert levels.valid(levels.parse_range("s0:c3"))
    assert not levels.valid(levels.parse_range("s1:c3"))
    assert not levels.valid(levels.parse_range("s1-s0"))
    assert not levels.valid(levels.parse_range("s0:c0-s1:c1"))
