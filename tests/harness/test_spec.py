"""ClusterSpec: JSON and refusals."""

import json
from dataclasses import replace

import pytest

from harness.policy import Policy
from harness.spec import ClusterSpec
from rpc.nodemap import Nodemap

POLICY = Policy("p", b"binary", "(cil)", "d1", 33)
SPEC = ClusterSpec(policy=POLICY)


def test_the_default_is_one_mds_two_oss_two_clients() -> None:
    """Nodes are named by role and number, servers first."""
    SPEC.validate()

    assert SPEC.nodes() == [
        ("mds0", "mds"),
        ("oss0", "oss"),
        ("oss1", "oss"),
        ("client0", "client"),
        ("client1", "client"),
    ]


def test_json_round_trip() -> None:
    """What was written as JSON text is read back equal, nodemaps included; the policy is given beside it."""
    nodemap = Nodemap(
        name="lab", nodes=frozenset({"client1", "client0"}), trusted=False, uids={5: 6}, cap_mask=0, subject="u:r:t:s0"
    )
    spec = replace(SPEC, nodemaps=(nodemap,), seed=7, mode="permissive", root_context="a:b:c:s0")

    data = json.loads(json.dumps(spec.to_json()))

    assert ClusterSpec.from_json(data, POLICY) == spec
    assert data["policy"] == {"name": "p", "digest": "d1", "version": 33}


def test_one_spec_has_one_flavour() -> None:
    """Equal specs share a pool's cluster, different ones do not, in whatever order a set was built."""
    one = replace(SPEC, nodemaps=(Nodemap(nodes=frozenset({"a", "b"})),))
    same = replace(SPEC, nodemaps=(Nodemap(nodes=frozenset({"b", "a"})),))

    assert one.flavour() == same.flavour()
    assert one.flavour() != SPEC.flavour()


def test_a_field_of_a_later_stage_is_refused() -> None:
    """An unknown field is named, not ignored."""
    with pytest.raises(ValueError, match="commit is not a field"):
        ClusterSpec.from_json({"commit": "async"})


def test_another_policy_is_refused() -> None:
    """A spec is restored with the very policy that it names."""
    with pytest.raises(ValueError, match="policy is d1"):
        ClusterSpec.from_json(SPEC.to_json(), replace(POLICY, digest="d2"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mds": 2}, "mds is 2"),
        ({"oss": 0}, "oss is 0"),
        ({"client": 1025}, "client is 1025"),
        ({"name": "Lab"}, "name is 'Lab'"),
        ({"lsm": ("selinux",)}, "lsm"),
        ({"lsm": ("capability", "smack")}, "lsm"),
        ({"lsm": ("capability", "capability")}, "lsm"),
        ({"tls": False}, "tls is False"),
        ({"mode": "off"}, "mode is 'off'"),
        ({"policy": None}, "policy is None"),
        ({"mode": "disabled"}, "policy is p"),
        ({"mode": "disabled", "policy": None, "root_context": "a:b:c"}, "root_context"),
        ({"root_context": ""}, "root_context is ''"),
        ({"nodemaps": (Nodemap(), Nodemap())}, "nodemaps"),
        ({"seed": -1}, "seed is -1"),
        ({"stripe_size": 5000}, "stripe_size is 5000"),
        ({"rpc_timeout_s": 0}, "rpc_timeout_s is 0"),
        ({"rpc_timeout_s": 60}, "rpc_timeout_s is 60"),
    ],
)
def test_a_spec_that_cannot_run_is_refused_by_field(change: dict, field: str) -> None:
    """validate names the field, its value and what to give instead."""
    with pytest.raises(ValueError, match=f"cluster spec: {field}.*; "):
        replace(SPEC, **change).validate()


def test_disabled_leaves_capability_only() -> None:
    """Mode disabled is an ordinary POSIX filesystem without a policy."""
    spec = ClusterSpec(mode="disabled")

    spec.validate()

    assert (spec.stack, spec.labelled) == (("capability",), False)
