"""The roles' apps: the one place where the harness touches production roles, and only their front doors.

Each is imported when a node of its role is made, so that a harness whose nodes are processes loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from host.app import App
from host.node import Node


def of(role: str) -> Callable[[Node], App]:
    """The app of a role; KeyError for one that is not a node's."""
    return {"mds": _mds, "oss": _oss, "client": _client}[role]


def _mds(node: Node) -> App:
    import mds.app

    return mds.app.App(node)


def _oss(node: Node) -> App:
    import oss.app

    return oss.app.App(node)


def _client(node: Node) -> App:
    import client.app

    return client.app.App(node)
