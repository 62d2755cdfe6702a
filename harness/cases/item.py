"""A file of a user's as a pytest module with one test; the plugin's fixtures and marker are there as in any other.

So whatever holds for a test in Python holds here: clusters are shared by kind, what the case did is judged, and its
operations carry its id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from harness import choices, settings
from harness.cases import runner
from harness.cases.nodes import SUFFIX
from harness.cases.read import read
from harness.cases.values import Case
from harness.clusters import Cluster
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.store import Store
from labelproof import plugin


class CaseFile(pytest.Module):
    """Collected as if it were a Python file that holds the test, and `labelproof_spec` where it has its own policy."""

    def _getobj(self) -> ModuleType:
        try:
            case = read(self.path, _profile(self.config))
        except (OSError, ValueError) as error:
            raise self.CollectError(f"labelproof: {error}") from error
        name = re.sub(r"[^\w.,()' -]+", "_", case.name).strip()
        found: Any = ModuleType(self.path.name.removesuffix(SUFFIX))
        found.pytestmark = pytest.mark.labelproof(**case.cluster)
        setattr(found, name, _test(case, found.__name__))
        if case.policy is not None:
            found.labelproof_spec = pytest.fixture(scope="module", name="labelproof_spec")(_spec(case))
        return found  # type: ignore[no-any-return]


def _test(case: Case, module: str) -> Callable[..., None]:
    """The test; where it stands is the file, so that pytest shows and reports that place."""

    def test(labelproof_cluster: Cluster) -> None:
        if labelproof_cluster.policy is None:
            pytest.skip("without SELinux there are no labels to expect; run it with --lsm enforcing")
        if wrong := runner.run(case, labelproof_cluster):
            pytest.fail("\n".join(wrong), pytrace=False)

    assert isinstance(test, FunctionType)
    test.__code__ = test.__code__.replace(co_filename=str(case.path), co_firstlineno=case.line)
    test.__module__, test.__doc__ = module, case.name
    test.__test__ = True  # type: ignore[attr-defined]  # whatever its name, and the names that the user's tests have
    return test


def _spec(case: Case) -> Callable[[ClusterSpec], ClusterSpec]:
    """The run's cluster under the case's own policy."""

    def labelproof_spec(labelproof_spec: ClusterSpec) -> ClusterSpec:
        if labelproof_spec.policy is None:
            return labelproof_spec
        store = Store(settings.load(Path.cwd()).store)
        store.prepare()
        policy, who = choices.booted(str(case.policy), case.profile, store.cache)
        root = case.cluster.get("root_context", who.root if who else None)
        return replace(labelproof_spec, policy=policy, root_context=root)

    return labelproof_spec


def _profile(config: pytest.Config) -> Profile | None:
    """Who is who in the run's policy; None where nobody says so."""
    try:
        return plugin.profile(config)
    except pytest.UsageError:
        return None
