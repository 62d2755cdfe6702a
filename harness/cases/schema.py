"""The JSON Schema of a file, for completion and checks while one types; `read` checks the same, and more."""

from __future__ import annotations

from typing import Any

from harness.cases import read, steps, words
from harness.cases.operations import OPERATIONS, Form, Parameter

JSON = dict[str, Any]

_TEXT: JSON = {"type": "string"}
_NUMBER: JSON = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\s*(\w+)(\s*\|\s*\w+)*\s*$"}],
    "description": "12, 0644, 0x1f, or constants: O_CREAT|O_RDWR.",
}
_FLAG: JSON = {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false", "True", "False"]}]}
_DATA: JSON = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "object", "required": ["hex"], "additionalProperties": False, "properties": {"hex": _TEXT}},
    ],
    "description": "Text, or bytes as {hex: 00ff}.",
}
_CONTEXT: JSON = {
    "type": "string",
    "pattern": rf"^([^\s:]+|{words.CONTEXT.pattern})$",
    "description": "user:role:type:level, one of the file's names, or a name of the profile.",
}
_PATH: JSON = {"type": "string", "minLength": 1, "description": "Begins in the case's own directory."}
_ACCESS: JSON = {
    "type": "string",
    "pattern": r"^\s*\S+\s+(\S+:)?\w+\s+(\{\s*[^{}\s][^{}]*\}|\w+)\s*$",
    "description": "SUBJECT [OBJECT:]CLASS { PERMISSION ... }",
}
_VALUE: JSON = {"description": "What the call gives: a text or number, a list of names, or some of its fields."}
_KINDS: dict[str, JSON] = {
    "path": _PATH, "target": _TEXT, "fd": {"type": "string", "description": "What a step before keeps open."},
    "number": _NUMBER, "flag": _FLAG, "data": _DATA, "text": _TEXT, "context": _CONTEXT,
}  # fmt: skip


def schema() -> JSON:
    """The schema, as JSON values."""
    accesses = {"allowed": _some("access"), "denied": _some("access")}
    ordered = {"type": "array", "minItems": 1, "items": _object(accesses) | {"minProperties": 1}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Label tests of labelproof",
        "description": "Who does what to which object, and what labels and decisions come of it.",
        **_object(
            {
                "name": {"type": "string", "pattern": r"\S", "description": "What the case shows."},
                "policy": _about("targeted, mls, or a policy file beside this one; else the run's policy."),
                "profile": _about("A file that says who is who in that policy."),
                "cluster": {"$ref": "#/$defs/cluster"},
                "names": {"type": "object", "additionalProperties": _whole(), "description": "Contexts by name."},
                "subjects": {"type": "object", "additionalProperties": {"$ref": "#/$defs/subject"}},
                "objects": {"type": "array", "items": {"$ref": "#/$defs/object"}},
                "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
                "labels": {"$ref": "#/$defs/labels"},
                "decisions": _object(accesses | {"in-order": ordered}) | {"minProperties": 1},
            },
            ["name"],
        ),
        "anyOf": [
            {"required": ["labels"]},
            {"required": ["decisions"]},
            {"required": ["steps"], "properties": {"steps": {"contains": _expecting()}}},
        ],
        "$defs": {
            "context": _CONTEXT, "access": _ACCESS, "cluster": _cluster(), "subject": _subject(), "object": _entry(),
            "labels": _labels(), "step": _step(accesses),
        },
    }  # fmt: skip


def _step(accesses: JSON) -> JSON:
    own: JSON = {
        "as": _about("Who does it: a subject of this file, or admin or user of the profile."),
        "on": {"type": "string", "pattern": "^client[0-9]+$", "description": "The client node; else client0."},
        "lsm": _FLAG | {"description": "Through a mount whose client enforces the policy too."},
        "keep": _about("A name for what the call opens, for later steps."),
        "expect": {
            "oneOf": [{"enum": list(steps.OUTCOMES)}, _object({"value": _VALUE}, ["value"])],
            "description": "ok, an errno, or a value; without it: ok.",
        },
        "labels": {"$ref": "#/$defs/labels"},
    }
    calls = {name: _call(forms) for name, forms in OPERATIONS.items()}
    found = _object(own | accesses | calls, ["as"])
    return found | {"oneOf": [{"required": [name]} for name in OPERATIONS]}


def _call(forms: tuple[Form, ...]) -> JSON:
    each = [_object({n: _argument(p) for n, p in form.parameters.items()}, sorted(form.required)) for form in forms]
    if not any(form.required for form in forms):
        each.append({"type": "null"})
    usage = {"description": " or ".join(map(str, forms))}
    return (each[0] if len(each) == 1 else {"anyOf": each}) | usage


def _argument(parameter: Parameter) -> JSON:
    kind = _KINDS[parameter.kind]
    return {"anyOf": [kind, {"type": "null"}]} if parameter.nullable else kind


def _cluster() -> JSON:
    kinds: dict[Any, JSON] = {
        int: _NUMBER,
        float: {"type": "number"},
        tuple[str, ...]: {"type": "array", "items": _TEXT},
    }
    fields = {name: kinds.get(hint, _TEXT) for name, hint in read.CLUSTER.items()}
    return _object(fields | {"mode": {"enum": ["enforcing", "permissive"]}})


def _subject() -> JSON:
    caps = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}], "description": "all, none, or names without cap_."}
    kinds: JSON = {
        "context": _CONTEXT, "uid": _NUMBER, "gid": _NUMBER, "groups": {"type": "array", "items": _NUMBER},
        "caps": caps, "fscreate": _CONTEXT, "umask": _NUMBER, "comm": _TEXT,
    }  # fmt: skip
    return {"anyOf": [{"$ref": "#/$defs/context"}, _object({name: kinds[name] for name in read.SUBJECT}, ["context"])]}


def _entry() -> JSON:
    owner = {"anyOf": [_TEXT, {"type": "integer"}], "description": "A subject, or UID:GID."}
    kinds: JSON = {
        "path": _PATH, "kind": {"enum": list(read.KINDS)}, "label": _CONTEXT, "mode": _NUMBER, "owner": owner,
        "content": _DATA, "target": _TEXT,
    }  # fmt: skip
    only = [
        {"if": _object({"kind": {"const": "file"}}, open_=True), "else": {"properties": {"content": False}}},
        {
            "if": _object({"kind": {"const": "symlink"}}, open_=True),
            "then": {"required": ["target"]},
            "else": {"properties": {"target": False}},
        },
    ]
    return _object({name: kinds[name] for name in read.OBJECT}, ["path", "kind"]) | {"allOf": only}


def _labels() -> JSON:
    where = {"enum": list(steps.VIEWS)}, {"pattern": "^(mds|oss|client)[0-9]+$"}
    views = {
        "type": "object", "minProperties": 1, "propertyNames": {"anyOf": list(where)},
        "additionalProperties": {"$ref": "#/$defs/context"},
    }  # fmt: skip
    each = {"anyOf": [{"$ref": "#/$defs/context"}, views]}
    return {
        "type": "object", "minProperties": 1, "additionalProperties": each,
        "description": "Path: context, or path: {clients: C, mds: C, oss: C, client1: C}.",
    }  # fmt: skip


def _expecting() -> JSON:
    return {"anyOf": [{"required": [name]} for name in ("expect", "labels", "allowed", "denied")]}


def _some(name: str) -> JSON:
    each = {"$ref": f"#/$defs/{name}"}
    return {"oneOf": [each, {"type": "array", "minItems": 1, "items": each}]}


def _whole() -> JSON:
    return {"type": "string", "pattern": f"^{words.CONTEXT.pattern}$"}


def _about(what: str) -> JSON:
    return {"type": "string", "description": what}


def _object(properties: JSON, required: list[str] | None = None, *, open_: bool = False) -> JSON:
    found: JSON = {"type": "object", "properties": properties}
    if not open_:
        found["additionalProperties"] = False
    return found | ({"required": required} if required else {})
