"""A running cluster: one synchronous API for tests, whatever its nodes run on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from harness import owner
from harness.clusters import evidence, history
from harness.clusters.contacts import ADMIN, AGENT, NOBODY, Contacts
from harness.clusters.history import HARNESS, Tail
from harness.clusters.inforce import InForce, Rules, Who, caller
from harness.clusters.injected import Injected
from harness.clusters.lives import Lives
from harness.clusters.machine import Machine, Mirrored
from harness.nodes import ClientNode, Node
from harness.policy import Policy
from harness.spec import ClusterSpec, to_proto
from host.config import NodeConfig
from labelproof.v1 import admin_pb2 as pb
from labelproof.v1 import client_pb2
from rpc import Caller


class Cluster:
    """Made by a runtime, which has its nodes running. `test` is the id of the test under way, for the history.

    `faults` has those that are active.
    """

    def __init__(
        self, runtime: str, machine: Machine, spec: ClusterSpec, run_dir: Path, data: Path, configs: list[NodeConfig]
    ) -> None:
        self.name = spec.name
        self.runtime = runtime
        self.spec = spec
        self.run_dir = run_dir
        self.test = ""
        self.nodes: Mapping[str, Node] = {config.name: self._node(config) for config in configs}
        self._machine = machine
        self._data = data
        self._configs = {config.name: config for config in configs}
        self._mounts: dict[tuple[str, str], bool] = {}
        self._inforce = InForce(spec, run_dir / "policy")
        self._counts = {"op": 0, "task": 0}
        # Tasks that no test's end ends.
        self.lasting: set[str] = set()
        self._stopped = self._closed = False
        self.faults = Injected(self)
        self.lives = Lives(machine, runtime)
        # Clients whose mounts are older than the server that they lead to.
        self._outdated: set[str] = set()
        self._recorder = history.recorder(run_dir, spec, runtime, machine.clock, configs[0].clock_domain)
        roles = {config.name: config.role for config in configs}
        self._contacts = Contacts(machine, spec.name, roles, self._recorder)
        self._tail = Tail(run_dir / "history", [HARNESS, *self.nodes])

    def boot(self) -> None:
        """Starts the nodes, tells them of one another, gives them their policy and mounts the clients."""
        self._start(list(self.nodes))
        for client in self._named("client"):
            self.client(client).mount()

    def node(self, name: str) -> Node:
        """KeyError if the cluster has no such node."""
        return self.nodes[name]

    def client(self, name: str = "client0") -> ClientNode:
        """A client node, on which tasks log in."""
        node = self.nodes[name]
        if not isinstance(node, ClientNode):
            raise KeyError(f"{name} is a node of role {node.role}, not a client")
        return node

    # --- the policy in force --------------------------------------------------------------------------------------

    @property
    def policy(self) -> Policy | None:
        """The policy in force; None where no module decides by one."""
        return self._inforce.policy

    def set_booleans(self, values: Mapping[str, bool], by: Who) -> None:
        """Sets booleans on every node, in the nodes' order; OSError of the first that refuses."""
        self._everywhere("set_booleans", pb.SetBooleansRequest(values=dict(values)), by)
        self._inforce.booleans |= values

    def set_enforce(self, enforcing: bool, by: Who) -> None:
        """Switches enforcing on every node, in the nodes' order."""
        self._everywhere("set_enforce", pb.SetEnforceRequest(enforcing=enforcing), by)
        self._inforce.enforcing = enforcing

    def load_policy(self, policy: Policy, by: Who) -> None:
        """Loads another policy on every node, in the nodes' order; booleans are as the policy says."""
        self._everywhere("load_policy", self._inforce.loading(policy), by)
        self._inforce.policy, self._inforce.booleans = policy, {}

    @property
    def rules(self) -> Rules:
        """What is in force, as far as it was set here."""
        return self._inforce.rules

    def enforce_again(self, rules: Rules) -> None:
        """What was in force then is so once more, by who has changed it last; OSError of the first that refuses."""
        for method, request in self._inforce.restoring(rules):
            self.run(self._in_turn(method, request, self._inforce.by))

    # --- evidence -------------------------------------------------------------------------------------------------

    def collect(self, *fids: str) -> list[dict[str, Any]]:
        """The objects with their labels as stored, past every cache: those of `fids`, or all of every server.

        Returned as the fields of `raw` events, and recorded as such.
        """
        found: list[dict[str, Any]] = self.run(evidence.collected(self.asked, self._servers, fids, self._recorder))
        return found

    def record(self, e: str, **fields: object) -> None:
        """Writes an event of the harness's own into the history: a `note`, a `control`, a `fault`."""

        async def write() -> None:
            self._recorder.event(e, **fields)

        self.run(write())

    def events(self, since: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """The history so far, node by node in each file's order; `since`: what `mark` gave before."""
        self._fetch()
        return self._tail.events(since)

    def mark(self) -> dict[str, int]:
        """Where the history stands now, by node."""
        self._fetch()
        return self._tail.mark()

    # --- nodes ----------------------------------------------------------------------------------------------------

    def address(self, node: str) -> str:
        return self._contacts.address(node)

    @property
    def machine(self) -> Machine:
        """Where the nodes run; what it is able to do besides, machine.py tells."""
        return self._machine

    def kill(self, node: str) -> None:
        self.lives.kill(node)

    def stop_node(self, node: str) -> None:
        self.lives.stop(node)

    def pause(self, node: str) -> None:
        self.lives.pause(node)

    def resume(self, node: str) -> None:
        """Lets a paused node go on, and tells it what it missed: where restarted nodes listen now."""
        if self.lives.resume(node):
            self.run(self._together([node], "join", pb.JoinRequest(peers=self._contacts.peers())))
            self._mount_again()

    def restart(self, *nodes: str) -> None:
        """Together, where there are several."""
        for node in nodes:
            self.lives.stop(node)
        self._start(nodes)
        self._outdated |= set(self._named("client")) if {*nodes} & {*self._named("mds")} else {*nodes}
        self._mount_again()

    def heal(self) -> None:
        """Heals every active fault, the last first; OSError of the first that stays."""
        self.faults.heal_all()

    def stop(self) -> None:
        """Stops the nodes and removes their data; what the run's folder holds stays. May be called again."""
        if self._stopped:
            return
        self._stopped = True
        try:
            with suppress(OSError, TimeoutError):
                self.faults.heal_all(stopping=True)
            with suppress(OSError, TimeoutError):
                self.run(self._contacts.close())
            self._machine.stop(list(self.nodes))
            self._fetch()
        finally:
            self._closed = True  # at its nodes' addresses may be somebody else's from now on
            self._machine.close()
            self._recorder.close()
            owner.remove(self._data)
            evidence.merge_audit(self.run_dir)

    # --- what tasks and nodes need --------------------------------------------------------------------------------

    def run(self, work: Any) -> Any:
        """The result of a coroutine on the cluster's loop."""
        return self._machine.run(work)

    def begin(self, client: str, mount: str, task: str, name: str, args: Mapping[str, Any]) -> str:
        """Records the start of an operation; its id."""
        op = f"op{self._next('op')}"
        self._recorder.event(
            "op", op=op, test=self.test or None, phase="invoke", client=client, mount=mount,
            lsm=self._mounts.get((client, mount), False), task=task, f=name, args=dict(args),
        )  # fmt: skip
        return op

    def end(self, op: str, phase: str, **fields: object) -> None:
        """Records how an operation ended."""
        self._recorder.event("op", op=op, test=self.test or None, phase=phase, **fields)

    async def agent(self, client: str, method: str, request: Message, op: str = "") -> Any:
        """Calls the agent of a client node."""
        return await self._contacts.call(client, AGENT, method, request, NOBODY.doing(op=op, test=self.test))

    def ask(self, node: str, method: str, request: Message, caller: Caller | None = None) -> Any:
        """Calls the service Admin of a node."""
        return self.run(self.asked(node, method, request, caller or NOBODY))

    async def mapped(self, nodes: Iterable[str]) -> None:
        """Puts the spec's nodemaps in force on these nodes."""
        maps = pb.SetNodemapsRequest(nodemaps=[to_proto(nodemap) for nodemap in self.spec.nodemaps])
        await self._together(nodes, "set_nodemaps", maps)

    async def asked(self, node: str, method: str, request: Message, caller: Caller = NOBODY) -> Any:
        """The same as a coroutine, so that several can be under way at once."""
        return await self._contacts.call(node, ADMIN, method, request, caller)

    @property
    def tasks(self) -> int:
        """How many tasks were made so far; they are called t1, t2 ..."""
        return self._counts["task"]

    def new_task(self, *, lasting: bool = False) -> str:
        task = f"t{self._next('task')}"
        if lasting:
            self.lasting.add(task)
        return task

    def mounted(self, client: str, mount: str, lsm: bool) -> None:
        self._mounts[client, mount] = lsm

    def _fetch(self) -> None:
        """Where the nodes keep their files elsewhere, brings our copies up to date: for the last time as it stops."""
        if not self._closed and isinstance(self._machine, Mirrored):
            self._machine.fetch()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _node(self, config: NodeConfig) -> Node:
        kind = ClientNode if config.role == "client" else Node
        return kind(self, config.name, config.role)

    def _start(self, names: Sequence[str]) -> None:
        """Starts nodes, and brings them into the cluster."""
        addresses = self._machine.start([self._configs[name] for name in names])
        self.lives.started(names)
        self.run(self._contacts.moved(addresses))
        self.run(self._introduced(names))

    def _mount_again(self) -> None:
        """Mounts anew what leads to a server before its restart, as soon as every server is up to be connected to."""
        if not all(map(self.lives.up, self._servers)):
            return
        due = set(filter(self.lives.up, self._outdated))
        for (client, mount), lsm in sorted(self._mounts.items()):
            if client in due:
                self.run(self.agent(client, "mount", client_pb2.MountRequest(mount=mount, lsm=lsm)))
        self._outdated -= due

    @property
    def _servers(self) -> list[str]:
        return [*self._named("mds"), *self._named("oss")]

    def _named(self, role: str) -> list[str]:
        return [node.name for node in self.nodes.values() if node.role == role]

    def _next(self, what: str) -> int:
        self._counts[what] += 1
        return self._counts[what]

    async def _introduced(self, fresh: Sequence[str]) -> None:
        """Tells every node of all the others, and gives the fresh ones nodemaps and policy, the MDS after the rest."""
        await self._together(filter(self.lives.up, self.nodes), "join", pb.JoinRequest(peers=self._contacts.peers()))
        await self.mapped(fresh)
        inforce = self._inforce
        if inforce.policy is not None:
            boot = inforce.loading(inforce.policy)
            for wave in (False, True):
                nodes = [node for node in fresh if (self.nodes[node].role == "mds") is wave]
                await self._together(nodes, "load_policy", boot)
        if inforce.booleans:
            await self._together(fresh, "set_booleans", pb.SetBooleansRequest(values=inforce.booleans), inforce.by)

    async def _together(self, nodes: Iterable[str], method: str, request: Message, caller: Caller = NOBODY) -> None:
        await asyncio.gather(*(self._contacts.call(node, ADMIN, method, request, caller) for node in nodes))

    def _everywhere(self, method: str, request: Message, by: Who) -> None:
        who = caller(by, HARNESS)
        self.run(self._in_turn(method, request, who.doing(test=self.test)))
        self._inforce.by = who

    async def _in_turn(self, method: str, request: Message, by: Caller) -> None:
        for node in self.nodes:
            await self.asked(node, method, request, by)
