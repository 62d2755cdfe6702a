"""Labels as the clients see them and as the servers store them, past every cache, compared with those expected."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping

from harness.cases.layout import Stage
from harness.cases.steps import LABEL
from harness.cases.values import Label

# What is looked for under one word -> the role of the nodes.
_ROLES = {"clients": "client", "mds": "mds", "oss": "oss"}


def wrong(stage: Stage, label: Label) -> Iterator[str]:
    """A sentence for each place where the label is not the one expected."""
    try:
        found = seen(stage, label.path)
    except OSError as error:
        yield f"the label of {label.path} cannot be looked at: {_named(error)}"
        return
    for where, context in label.views.items():
        places = {node: told for node, told in found.items() if _within(stage, where, node)}
        if not places:
            yield f"{label.path} has no object on {where}, whose label is to be {context}"
        for text in sorted({text for told in places.values() for text in told if text != context}, key=str):
            on = ", ".join(node for node, told in places.items() if text in told)
            yield f"the label of {label.path} is {text or 'absent'} on {on}, not {context}"


def seen(stage: Stage, path: str) -> Mapping[str, set[str | None]]:
    """Node -> labels: by stat and by getxattr on each client, of the inode and of each object on the servers."""
    found: dict[str, set[str | None]] = {}
    fid = ""
    for name, node in stage.cluster.nodes.items():
        if node.role == "client":
            admin = stage.task("admin", name)
            shown = admin.lstat(stage.at(path))
            raw = admin.getxattr(stage.at(path), LABEL, False)
            fid, found[name] = shown.fid, {shown.labels[LABEL], raw.removesuffix(b"\0").decode("utf-8", "replace")}
    for item in stage.cluster.collect(fid):
        found.setdefault(item["target"], set()).add(item["labels"].get(LABEL))
    return found


def _within(stage: Stage, where: str, node: str) -> bool:
    return where in ("", node) or stage.cluster.nodes[node].role == _ROLES.get(where)


def _named(error: OSError) -> str:
    return f"{errno.errorcode.get(error.errno or 0, 'EIO')}, {error.strerror}"
