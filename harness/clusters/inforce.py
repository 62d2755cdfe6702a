"""What the nodes of a cluster decide by: policy, mode and booleans as the harness has set them, and who did so last."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.message import Message

from harness.clusters.contacts import NOBODY
from harness.policy import Policy
from harness.spec import ClusterSpec
from harness.subjects import SubjectSpec
from harness.tasks import Task
from labelproof.v1 import admin_pb2 as pb
from rpc import Caller

# Who does something to a policy: a context, a subject, or a task that is logged in.
Who = str | SubjectSpec | Task


@dataclass(frozen=True, slots=True)
class Rules:
    """What is in force at some time; `booleans` are those that were set."""

    policy: Policy | None
    enforcing: bool
    booleans: tuple[tuple[str, bool], ...]


class InForce:
    """As a spec says at first. `folder` keeps each policy that is used."""

    def __init__(self, spec: ClusterSpec, folder: Path) -> None:
        self.policy = spec.policy
        self.enforcing = spec.mode == "enforcing"
        self.booleans: dict[str, bool] = {}
        self.by: Caller = NOBODY
        self._folder = folder

    @property
    def rules(self) -> Rules:
        return Rules(self.policy, self.enforcing, tuple(sorted(self.booleans.items())))

    def loading(self, policy: Policy) -> pb.LoadPolicyRequest:
        """The request that loads it."""
        policy.save(self._folder)
        return pb.LoadPolicyRequest(
            digest=policy.digest, name=policy.name, version=policy.version, enforcing=self.enforcing,
            cil=zlib.compress(policy.cil.encode(), 1),
        )  # fmt: skip

    def restoring(self, rules: Rules) -> Iterator[tuple[str, Message]]:
        """(rpc, request) of each step that puts these in force once more.

        The policy is loaded also where it is the same, which gives the booleans back that it says itself.
        """
        if rules.policy is None:
            return
        yield "load_policy", self.loading(rules.policy)
        self.policy, self.booleans = rules.policy, {}
        if rules.booleans:
            yield "set_booleans", pb.SetBooleansRequest(values=dict(rules.booleans))
            self.booleans = dict(rules.booleans)
        yield "set_enforce", pb.SetEnforceRequest(enforcing=rules.enforcing)
        self.enforcing = rules.enforcing


def caller(by: Who, nid: str) -> Caller:
    """Who calls, as the nodes are told; `nid` is the node where it does."""
    spec = by.spec if isinstance(by, Task) else SubjectSpec(by, 0, 0, comm="admin") if isinstance(by, str) else by
    return Caller.of(replace(spec.subject(), nid=nid))
