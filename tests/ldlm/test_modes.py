"""The matrix of modes, as Lustre has it."""

import pytest

from ldlm import Mode, compatible
from ldlm.modes import covers

# lustre_dlm.h, the table above LCK_COMPAT_EX: rows and columns EX PW PR CW CR NL.
TABLE = {
    "EX": "000001",
    "PW": "000011",
    "PR": "001011",
    "CW": "000111",
    "CR": "011111",
    "NL": "111111",
}


@pytest.mark.parametrize("one", list(Mode))
def test_modes_go_together_as_in_the_table(one):
    row = "".join(str(int(compatible(one, other))) for other in Mode)

    assert row == TABLE[one.name]


def test_the_matrix_is_symmetric():
    assert all(compatible(a, b) == compatible(b, a) for a in Mode for b in Mode)


def test_a_mode_covers_those_that_shut_out_less():
    order = {a.name: {b.name for b in Mode if covers(a, b)} for a in Mode}

    assert order == {
        "EX": {"EX", "PW", "PR", "CW", "CR", "NL"},
        "PW": {"PW", "PR", "CW", "CR", "NL"},
        "PR": {"PR", "CR", "NL"},
        "CW": {"CW", "CR", "NL"},
        "CR": {"CR", "NL"},
        "NL": {"NL"},
    }
