from labelproof.v1 import context_pb2 as _context_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoadPolicyRequest(_message.Message):
    __slots__ = ("digest", "name", "cil", "version", "enforcing")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CIL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENFORCING_FIELD_NUMBER: _ClassVar[int]
    digest: str
    name: str
    cil: bytes
    version: int
    enforcing: bool
    def __init__(self, digest: _Optional[str] = ..., name: _Optional[str] = ..., cil: _Optional[bytes] = ..., version: _Optional[int] = ..., enforcing: _Optional[bool] = ...) -> None: ...

class PolicyReply(_message.Message):
    __slots__ = ("seqno", "sepol")
    SEQNO_FIELD_NUMBER: _ClassVar[int]
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    seqno: int
    sepol: str
    def __init__(self, seqno: _Optional[int] = ..., sepol: _Optional[str] = ...) -> None: ...

class SetEnforceRequest(_message.Message):
    __slots__ = ("enforcing",)
    ENFORCING_FIELD_NUMBER: _ClassVar[int]
    enforcing: bool
    def __init__(self, enforcing: _Optional[bool] = ...) -> None: ...

class SetBooleansRequest(_message.Message):
    __slots__ = ("values",)
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bool
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bool] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.ScalarMap[str, bool]
    def __init__(self, values: _Optional[_Mapping[str, bool]] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("node", "role", "address", "incarnation")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    node: str
    role: str
    address: str
    incarnation: int
    def __init__(self, node: _Optional[str] = ..., role: _Optional[str] = ..., address: _Optional[str] = ..., incarnation: _Optional[int] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("peers",)
    PEERS_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[Peer]
    def __init__(self, peers: _Optional[_Iterable[_Union[Peer, _Mapping]]] = ...) -> None: ...

class JoinReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IdMap(_message.Message):
    __slots__ = ("client", "server")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    client: int
    server: int
    def __init__(self, client: _Optional[int] = ..., server: _Optional[int] = ...) -> None: ...

class Nodemap(_message.Message):
    __slots__ = ("name", "nodes", "trusted", "uids", "gids", "squash", "squash_uid", "squash_gid", "cap_mask", "subject", "contexts", "sepol", "read_only", "fileset", "audit_mode")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FIELD_NUMBER: _ClassVar[int]
    UIDS_FIELD_NUMBER: _ClassVar[int]
    GIDS_FIELD_NUMBER: _ClassVar[int]
    SQUASH_FIELD_NUMBER: _ClassVar[int]
    SQUASH_UID_FIELD_NUMBER: _ClassVar[int]
    SQUASH_GID_FIELD_NUMBER: _ClassVar[int]
    CAP_MASK_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    FILESET_FIELD_NUMBER: _ClassVar[int]
    AUDIT_MODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    nodes: _containers.RepeatedScalarFieldContainer[str]
    trusted: bool
    uids: _containers.RepeatedCompositeFieldContainer[IdMap]
    gids: _containers.RepeatedCompositeFieldContainer[IdMap]
    squash: bool
    squash_uid: int
    squash_gid: int
    cap_mask: int
    subject: str
    contexts: _containers.RepeatedScalarFieldContainer[str]
    sepol: str
    read_only: bool
    fileset: str
    audit_mode: str
    def __init__(self, name: _Optional[str] = ..., nodes: _Optional[_Iterable[str]] = ..., trusted: _Optional[bool] = ..., uids: _Optional[_Iterable[_Union[IdMap, _Mapping]]] = ..., gids: _Optional[_Iterable[_Union[IdMap, _Mapping]]] = ..., squash: _Optional[bool] = ..., squash_uid: _Optional[int] = ..., squash_gid: _Optional[int] = ..., cap_mask: _Optional[int] = ..., subject: _Optional[str] = ..., contexts: _Optional[_Iterable[str]] = ..., sepol: _Optional[str] = ..., read_only: _Optional[bool] = ..., fileset: _Optional[str] = ..., audit_mode: _Optional[str] = ...) -> None: ...

class SetNodemapsRequest(_message.Message):
    __slots__ = ("nodemaps",)
    NODEMAPS_FIELD_NUMBER: _ClassVar[int]
    nodemaps: _containers.RepeatedCompositeFieldContainer[Nodemap]
    def __init__(self, nodemaps: _Optional[_Iterable[_Union[Nodemap, _Mapping]]] = ...) -> None: ...

class SetNodemapsReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ("objects",)
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[_context_pb2.Fid]
    def __init__(self, objects: _Optional[_Iterable[_Union[_context_pb2.Fid, _Mapping]]] = ...) -> None: ...

class RawObject(_message.Message):
    __slots__ = ("fid", "target", "path", "mode", "labels", "label_version", "stripe")
    FID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    fid: _context_pb2.Fid
    target: str
    path: str
    mode: int
    labels: _containers.RepeatedCompositeFieldContainer[_context_pb2.Label]
    label_version: int
    stripe: int
    def __init__(self, fid: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., target: _Optional[str] = ..., path: _Optional[str] = ..., mode: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[_context_pb2.Label, _Mapping]]] = ..., label_version: _Optional[int] = ..., stripe: _Optional[int] = ...) -> None: ...

class CollectReply(_message.Message):
    __slots__ = ("objects",)
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[RawObject]
    def __init__(self, objects: _Optional[_Iterable[_Union[RawObject, _Mapping]]] = ...) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsReply(_message.Message):
    __slots__ = ("counters",)
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: _containers.ScalarMap[str, int]
    def __init__(self, counters: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ReadEvidenceRequest(_message.Message):
    __slots__ = ("history", "audit")
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    history: int
    audit: int
    def __init__(self, history: _Optional[int] = ..., audit: _Optional[int] = ...) -> None: ...

class ReadEvidenceReply(_message.Message):
    __slots__ = ("history", "audit")
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    history: bytes
    audit: bytes
    def __init__(self, history: _Optional[bytes] = ..., audit: _Optional[bytes] = ...) -> None: ...
