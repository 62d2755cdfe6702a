import json
from dataclasses import replace
from pathlib import Path

import pytest

from host.config import NodeConfig
from rpc import tls


@pytest.fixture(scope="module")
def identity() -> tls.Identity:
    return tls.make_ca("lp").issue("mds", "mds0")


def changed(config: NodeConfig, **fields: object) -> str:
    return json.dumps(json.loads(config.to_json()) | fields)


def test_round_trip(config, identity) -> None:
    """What to_json wrote, from_json reads back: paths, key, modules and certificate."""
    full = replace(
        config, history=Path("/h"), audit=Path("/a"), lsm=("capability",), seed=7, identity=identity,
        root_context="u:object_r:t:s0", ephemeral=True, runtime="processes", clock_domain="boot", key=bytes(range(256)),
    )  # fmt: skip

    assert NodeConfig.from_json(full.to_json()) == full
    assert NodeConfig.from_json(config.to_json()) == config


def test_one_line(config, identity) -> None:
    """A node process reads one line, so there is no newline in it, whatever the PEMs hold."""
    assert "\n" not in replace(config, identity=identity).to_json()


@pytest.mark.parametrize(
    "line",
    ["", "x", "null", "[]", "7", '"text"', "{}", '{"name": "n"}', "[" * 100_000, "\x00", "{" * 100_000],
)
def test_what_is_no_configuration(line) -> None:
    """ValueError for anything that to_json did not write."""
    with pytest.raises(ValueError, match="not a node's configuration"):
        NodeConfig.from_json(line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "not base64!"),
        ("key", 5),
        ("key", ""),
        ("name", 5),
        ("name", ""),
        ("name", None),
        ("cluster", ""),
        ("role", "root"),
        ("lsm", "selinux"),
        ("lsm", None),
        ("seed", "1"),
        ("stripe_size", None),
        ("ephemeral", 1),
        ("data_dir", 5),
        ("data_dir", None),
        ("audit", []),
        ("identity", {"cert": "x"}),
        ("identity", "x"),
        ("root_context", 5),
        ("no_such_field", 1),
    ],
)
def test_a_field_that_cannot_be(config, field, value) -> None:
    """A hostile value is a ValueError here, not an accident later."""
    with pytest.raises(ValueError, match=r"."):
        NodeConfig.from_json(changed(config, **{field: value}))


def test_a_missing_field(config) -> None:
    """Each field that has no default is needed."""
    fields = json.loads(config.to_json())
    del fields["cluster"]

    with pytest.raises(ValueError, match="cluster"):
        NodeConfig.from_json(json.dumps(fields))
