"""What cluster a test asks for: its marker, else option, environment, ini key, the project's settings, default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import choices, profile, settings
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.store import Store
from labelproof import options

_POLICIES: pytest.StashKey[dict[tuple[str, str], Policy]] = pytest.StashKey()


def setting(config: pytest.Config, name: str) -> str:
    """Option, environment, ini key, the project's settings, default: the first that is given."""
    given = (
        lambda: config.getoption(f"--labelproof-{name}"),
        lambda: os.environ.get(f"LABELPROOF_{name.upper()}"),
        lambda: config.getini(f"labelproof_{name}"),
        lambda: settings.load(Path.cwd()).values.get(name),
    )
    return str(next((value for ask in given if (value := ask()) not in {None, ""}), options.SETTINGS[name][1]))


class Asked:
    """`fields` are the marker's, as labelproof.marker.wanted gives them; what they leave open is the session's."""

    def __init__(self, config: pytest.Config, fields: Mapping[str, Any]) -> None:
        self._config = config
        self._fields = fields

    @property
    def runtime(self) -> str:
        return self._of("runtime")

    @property
    def own_runtime(self) -> bool:
        """Whether the test says itself where it runs."""
        return "runtime" in self._fields

    @property
    def mode(self) -> str:
        return str(self._fields.get("mode") or setting(self._config, "lsm"))

    def policy(self) -> Policy | None:
        """With its profile's grants; made once a session. None: SELinux is off. Raises as choices.booted."""
        given = self._fields.get("policy")
        if not self._labelled or isinstance(given, Policy):
            return given
        made = self._config.stash.setdefault(_POLICIES, {})
        key = self._of("policy"), self._of("profile")
        if key not in made:
            store = Store(settings.load(Path.cwd()).store)
            store.prepare()
            made[key] = choices.booted(*key, store.cache)[0]
        return made[key]

    def profile(self) -> Profile:
        """Who is who in that policy. Raises OSError, ValueError where nobody says so."""
        given = self._fields.get("policy")
        policy = given.name if isinstance(given, Policy) else self._of("policy")
        return choices.profile(self._of("profile"), policy) or profile.of(policy)

    def spec(self, policy: Policy | None) -> ClusterSpec:
        """Raises ValueError naming the field and the remedy."""
        file = self._of("profile")
        who = choices.profile(file, "") if file else None
        heard = {"runtime", "policy", "profile", "seed", "mode"}
        fields = {name: value for name, value in self._fields.items() if name not in heard}
        return choices.spec(policy, self.mode, int(self._of("seed")), who, fields)

    @property
    def _labelled(self) -> bool:
        return self.mode != "disabled" and "selinux" in self._fields.get("lsm", ("selinux",))

    def _of(self, name: str) -> str:
        if name == "profile" and "policy" in self._fields and name not in self._fields:
            return ""  # the session's profile is of the session's policy
        return str(self._fields.get(name) or setting(self._config, name))
