"""Policy: from CIL and from files, and the cache."""

from pathlib import Path

import pytest

import sepol
from harness.policy import Policy


def test_an_own_policy_is_compiled_and_flattened(tmp_path: Path) -> None:
    """The value holds the binary, its digest and version, and the same rules as text."""
    policy = Policy.own("targeted", cache=tmp_path)

    assert (policy.name, policy.version) == ("targeted", 33)
    assert policy.binary[:4] == (0xF97CFF8C).to_bytes(4, "little")
    assert "(typetransition " in policy.cil


def test_the_second_time_libsepol_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled once comes from the cache, equal in every field."""
    first = Policy.own("targeted", cache=tmp_path)
    monkeypatch.delattr(sepol, "compile_cil")
    monkeypatch.delattr(sepol, "flatten")

    second = Policy.own("targeted", cache=tmp_path)

    assert second == first


def test_another_text_is_another_policy(tmp_path: Path) -> None:
    """The cache is keyed by the texts: an unknown name is refused, and a changed text is compiled anew."""
    with pytest.raises(ValueError, match="no policy named"):
        Policy.own("strict", cache=tmp_path)

    assert Policy.own("mls", cache=tmp_path).digest != Policy.own("targeted", cache=tmp_path).digest


def test_saved_files_are_read_back(tmp_path: Path) -> None:
    """A run keeps each policy as <digest>.bin and .cil; the first is a policy file again."""
    policy = Policy.own("targeted", cache=tmp_path)

    policy.save(tmp_path / "policy")

    again = Policy.from_file(tmp_path / "policy" / f"{policy.digest}.bin", cache=tmp_path / "other")
    assert (again.digest, again.cil) == (policy.digest, policy.cil)
    assert (tmp_path / "policy" / f"{policy.digest}.cil").read_text() == policy.cil


def test_a_truncated_policy_is_named_in_one_line(tmp_path: Path) -> None:
    """A damaged file is refused with its name, and nothing is cached for it."""
    damaged = tmp_path / "site.33"
    damaged.write_bytes(Policy.own("targeted", cache=tmp_path).binary[:9000])

    with pytest.raises(sepol.PolicyError, match=r"site\.33") as refused:
        Policy.from_file(damaged, cache=tmp_path / "cache")

    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "cache").glob("*.cil"))
