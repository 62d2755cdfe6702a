"""The rpcs as the descriptors say them: one Method each, found once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from labelproof.v1 import context_pb2
from rpc import bulk
from rpc.admission import READS
from rpc.context import fid_of
from rpc.record import component

PACKAGE = "labelproof.v1"
Place = dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Method:
    """`name` "Mds/Open", `handler` "open", `path` "/labelproof.v1.Mds/Open".

    `receipt`: its reply has one. `mutating`: its reply is kept for a resend. `recorded`: its calls leave events.
    """

    name: str
    service: str
    handler: str
    path: str
    request: type[Message]
    reply: type[Message]
    receipt: bool
    mutating: bool
    recorded: bool
    place: Callable[[Any], Place]
    descriptor: MethodDescriptor


@cache
def methods(service: ServiceDescriptor) -> tuple[Method, ...]:
    """The rpcs of a service, in the order declared."""
    return tuple(_method(service, m) for m in service.methods)


@cache
def method(name: str) -> Method:
    """The rpc called "Service/Method"; KeyError if no loaded .proto has it."""
    service, _, rpc = name.partition("/")
    found = descriptor_pool.Default().FindServiceByName(f"{PACKAGE}.{service}")
    return _method(found, found.methods_by_name[rpc])


def snake(name: str) -> str:
    """GetRoot -> get_root."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _method(service: ServiceDescriptor, m: MethodDescriptor) -> Method:
    name = f"{service.name}/{m.name}"
    receipt = "receipt" in m.output_type.fields_by_name
    return Method(
        name=name, service=service.name, handler=snake(m.name), path=f"/{service.full_name}/{m.name}",
        request=bulk.kind(message_factory.GetMessageClass(m.input_type)),
        reply=bulk.kind(message_factory.GetMessageClass(m.output_type)),
        receipt=receipt, mutating=receipt and name not in READS, place=_place_reader(m), descriptor=m,
        recorded=not m.GetOptions().Extensions[context_pb2.unrecorded],  # type: ignore[index]
    )  # fmt: skip


def _place_reader(m: MethodDescriptor) -> Callable[[Any], Place]:
    """How to tell, from a request of this type, which object it names (`place` in the history)."""
    fields = m.input_type.fields_by_name
    for field, (kind, read) in _NAMING.items():
        if field in fields and _type_name(fields[field]) == kind:
            return partial(_read, field, read)
    return lambda request: None


def _read(field: str, read: Callable[[Any], Place], request: Any) -> Place:
    return read(getattr(request, field))


def _type_name(field: FieldDescriptor) -> str | None:
    return field.message_type.name if field.message_type else None


def _place(place: Any) -> Place:
    which = place.WhichOneof("by")
    return None if which is None else {"fid": _fid, "name": _name, "handle": _handle}[which](getattr(place, which))


def _fid(fid: Any) -> Place:
    return {"fid": str(fid_of(fid))}


def _name(name: Any) -> Place:
    return {"parent": str(fid_of(name.parent)), "name": component(name.name)}


def _handle(handle: bytes) -> Place:
    return {"handle": handle.hex()}


def _entry(entry: Any) -> Place:
    return _fid(entry.fid)


# Field of a request -> its message type, and how to read the object from it; the first that is there counts.
_NAMING: dict[str, tuple[str | None, Callable[[Any], Place]]] = {
    "place": ("Place", _place),
    "name": ("Name", _name),
    "source": ("Name", _name),
    "fid": ("Fid", _fid),
    "entry": ("Entry", _entry),
    "handle": (None, _handle),
}
