"""The numbers of what was judged: `judged` in results.json."""

from __future__ import annotations

from harness.model.fs import Event

MEDIATION = "mediation"


class Counts:
    """Fed with every event in any order; `numbers` may be asked at any time."""

    def __init__(self) -> None:
        self._ops: dict[str, tuple[str, int]] = {}
        self._tests: dict[str, str] = {}
        self._rpcs = 0
        self._decisions = 0
        self._distinct: set[tuple[str, str, str, bool]] = set()
        self._labels = 0
        self._denials: list[str | None] = []
        self._controls: dict[str, tuple[str, int]] = {}
        self._failed: set[str] = set()

    def feed(self, event: Event) -> None:
        reader = getattr(self, f"_on_{event['e']}", None)
        if reader is not None:
            reader(event)

    def numbers(self, confirmed: int) -> dict[str, int]:
        """operations, rpcs, decisions, distinct_decisions (hook, class, single permission, verdict), labels, denials,
        denials_with_control, second_engine. `confirmed` is the number of decisions that libsepol agreed with."""
        denials = [op for op in self._denials if op and MEDIATION in self._tests.get(op, "") and self._refused(op)]
        return {
            "operations": len(self._tests),
            "rpcs": self._rpcs,
            "decisions": self._decisions,
            "distinct_decisions": len(self._distinct),
            "labels": self._labels,
            "denials": len(denials),
            "denials_with_control": sum(self._proven(op) for op in denials),
            "second_engine": confirmed,
        }

    def _refused(self, op: str) -> bool:
        """Whether the denial ended the operation: a capability that chmod did without denies nothing."""
        return self._ops.get(op, ("", 0))[0] == "fail"

    def _proven(self, op: str) -> bool:
        """Whether the denied operation has a control that passed, and changed nothing itself. Some pass to be told
        that there is nothing to be done: the control says with which errno."""
        control, answer = self._controls.get(op, ("", 0))
        return self._ops.get(control) in ((("fail", answer),) if answer else (("ok", 0),))

    def _on_op(self, event: Event) -> None:
        if event["phase"] == "invoke":
            self._tests[event["op"]] = event.get("test") or ""
        else:
            self._ops[event["op"]] = (event["phase"], event.get("errno") or 0)

    def _on_rpc(self, event: Event) -> None:
        self._rpcs += event["phase"] == "reply"

    def _on_label(self, event: Event) -> None:
        self._labels += 1

    def _on_avc(self, event: Event) -> None:
        if event["module"] != "selinux":
            return
        self._decisions += 1
        denied = set(event.get("denied") or ())
        for perm in event["requested"]:
            self._distinct.add((event["hook"], event["tclass"], perm, perm not in denied))
        if not event["allowed"] and event["vantage"] != "client":
            self._denials.append(event.get("op"))

    def _on_control(self, event: Event) -> None:
        if not event.get("changed"):
            self._controls[event["denial"]] = (event["control"], event.get("answer") or 0)
