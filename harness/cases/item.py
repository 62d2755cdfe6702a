"""A file of a user's as a pytest module with one test; the plugin's fixtures and marker are there as in any other.

So whatever holds for a test in Python holds here: clusters are shared by kind, what the case did is judged, and its
operations carry its id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import pytest

from harness.cases import runner
from harness.cases.nodes import SUFFIX
from harness.cases.read import read
from harness.cases.values import Case
from harness.clusters import Cluster
from harness.profile import Profile
from labelproof import plugin


class CaseFile(pytest.Module):
    """Collected as if it were a Python file that holds the test, with a marker that says what cluster it wants."""

    def _getobj(self) -> ModuleType:
        try:
            case = read(self.path, _profile(self.config))
        except (OSError, ValueError) as error:
            raise self.CollectError(f"labelproof: {error}") from error
        name = re.sub(r"[^\w.,()' -]+", "_", case.name).strip()
        found: Any = ModuleType(self.path.name.removesuffix(SUFFIX))
        own = {"policy": case.policy, "profile": case.profile}
        found.pytestmark = pytest.mark.labelproof(**case.cluster, **{key: own[key] for key in own if own[key]})
        setattr(found, name, _test(case, found.__name__))
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


def _profile(config: pytest.Config) -> Profile | None:
    """Who is who in the run's policy; None where nobody says so."""
    try:
        return plugin.profile(config)
    except pytest.UsageError:
        return None
