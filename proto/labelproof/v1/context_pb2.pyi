from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
MEDIATION_FIELD_NUMBER: _ClassVar[int]
mediation: _descriptor.FieldDescriptor
UNRECORDED_FIELD_NUMBER: _ClassVar[int]
unrecorded: _descriptor.FieldDescriptor
BULK_FIELD_NUMBER: _ClassVar[int]
bulk: _descriptor.FieldDescriptor

class Case(_message.Message):
    __slots__ = ("name", "must", "may")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MUST_FIELD_NUMBER: _ClassVar[int]
    MAY_FIELD_NUMBER: _ClassVar[int]
    name: str
    must: _containers.RepeatedScalarFieldContainer[str]
    may: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., must: _Optional[_Iterable[str]] = ..., may: _Optional[_Iterable[str]] = ...) -> None: ...

class Mediation(_message.Message):
    __slots__ = ("cases", "none", "walk")
    CASES_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    WALK_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[Case]
    none: str
    walk: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, cases: _Optional[_Iterable[_Union[Case, _Mapping]]] = ..., none: _Optional[str] = ..., walk: _Optional[_Iterable[str]] = ...) -> None: ...

class Fid(_message.Message):
    __slots__ = ("seq", "oid", "ver")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    OID_FIELD_NUMBER: _ClassVar[int]
    VER_FIELD_NUMBER: _ClassVar[int]
    seq: int
    oid: int
    ver: int
    def __init__(self, seq: _Optional[int] = ..., oid: _Optional[int] = ..., ver: _Optional[int] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: bytes
    def __init__(self, name: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("effective", "permitted", "inheritable", "bounding", "ambient")
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    PERMITTED_FIELD_NUMBER: _ClassVar[int]
    INHERITABLE_FIELD_NUMBER: _ClassVar[int]
    BOUNDING_FIELD_NUMBER: _ClassVar[int]
    AMBIENT_FIELD_NUMBER: _ClassVar[int]
    effective: int
    permitted: int
    inheritable: int
    bounding: int
    ambient: int
    def __init__(self, effective: _Optional[int] = ..., permitted: _Optional[int] = ..., inheritable: _Optional[int] = ..., bounding: _Optional[int] = ..., ambient: _Optional[int] = ...) -> None: ...

class CreateContexts(_message.Message):
    __slots__ = ("fscreate", "keycreate", "sockcreate")
    FSCREATE_FIELD_NUMBER: _ClassVar[int]
    KEYCREATE_FIELD_NUMBER: _ClassVar[int]
    SOCKCREATE_FIELD_NUMBER: _ClassVar[int]
    fscreate: str
    keycreate: str
    sockcreate: str
    def __init__(self, fscreate: _Optional[str] = ..., keycreate: _Optional[str] = ..., sockcreate: _Optional[str] = ...) -> None: ...

class SecurityContext(_message.Message):
    __slots__ = ("uid", "gid", "groups", "caps", "pid", "comm", "nid", "labels", "create")
    UID_FIELD_NUMBER: _ClassVar[int]
    GID_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    NID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    uid: int
    gid: int
    groups: _containers.RepeatedScalarFieldContainer[int]
    caps: Capabilities
    pid: int
    comm: str
    nid: str
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    create: CreateContexts
    def __init__(self, uid: _Optional[int] = ..., gid: _Optional[int] = ..., groups: _Optional[_Iterable[int]] = ..., caps: _Optional[_Union[Capabilities, _Mapping]] = ..., pid: _Optional[int] = ..., comm: _Optional[str] = ..., nid: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., create: _Optional[_Union[CreateContexts, _Mapping]] = ...) -> None: ...

class CallContext(_message.Message):
    __slots__ = ("rpc", "op", "test", "xid", "acked_xid", "clock", "ticket", "on_behalf_of", "sepol", "receipt")
    RPC_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    XID_FIELD_NUMBER: _ClassVar[int]
    ACKED_XID_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ON_BEHALF_OF_FIELD_NUMBER: _ClassVar[int]
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    rpc: str
    op: str
    test: str
    xid: int
    acked_xid: int
    clock: int
    ticket: bytes
    on_behalf_of: bytes
    sepol: str
    receipt: bytes
    def __init__(self, rpc: _Optional[str] = ..., op: _Optional[str] = ..., test: _Optional[str] = ..., xid: _Optional[int] = ..., acked_xid: _Optional[int] = ..., clock: _Optional[int] = ..., ticket: _Optional[bytes] = ..., on_behalf_of: _Optional[bytes] = ..., sepol: _Optional[str] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("transno", "last_committed", "seal", "resent")
    TRANSNO_FIELD_NUMBER: _ClassVar[int]
    LAST_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    RESENT_FIELD_NUMBER: _ClassVar[int]
    transno: int
    last_committed: int
    seal: bytes
    resent: bool
    def __init__(self, transno: _Optional[int] = ..., last_committed: _Optional[int] = ..., seal: _Optional[bytes] = ..., resent: _Optional[bool] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("fid", "mode", "uid", "gid", "labels", "label_version", "acl", "flags", "attr_version")
    FID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    GID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    ATTR_VERSION_FIELD_NUMBER: _ClassVar[int]
    fid: Fid
    mode: int
    uid: int
    gid: int
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    label_version: int
    acl: bytes
    flags: int
    attr_version: int
    def __init__(self, fid: _Optional[_Union[Fid, _Mapping]] = ..., mode: _Optional[int] = ..., uid: _Optional[int] = ..., gid: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., label_version: _Optional[int] = ..., acl: _Optional[bytes] = ..., flags: _Optional[int] = ..., attr_version: _Optional[int] = ...) -> None: ...

class Attr(_message.Message):
    __slots__ = ("entry", "nlink", "size", "blocks", "rdev", "atime_ns", "mtime_ns", "ctime_ns")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    NLINK_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    RDEV_FIELD_NUMBER: _ClassVar[int]
    ATIME_NS_FIELD_NUMBER: _ClassVar[int]
    MTIME_NS_FIELD_NUMBER: _ClassVar[int]
    CTIME_NS_FIELD_NUMBER: _ClassVar[int]
    entry: Entry
    nlink: int
    size: int
    blocks: int
    rdev: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    def __init__(self, entry: _Optional[_Union[Entry, _Mapping]] = ..., nlink: _Optional[int] = ..., size: _Optional[int] = ..., blocks: _Optional[int] = ..., rdev: _Optional[int] = ..., atime_ns: _Optional[int] = ..., mtime_ns: _Optional[int] = ..., ctime_ns: _Optional[int] = ...) -> None: ...

class Layout(_message.Message):
    __slots__ = ("stripe_size", "osts")
    STRIPE_SIZE_FIELD_NUMBER: _ClassVar[int]
    OSTS_FIELD_NUMBER: _ClassVar[int]
    stripe_size: int
    osts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stripe_size: _Optional[int] = ..., osts: _Optional[_Iterable[str]] = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("fid", "subject", "policy")
    FID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    fid: Fid
    subject: bytes
    policy: int
    def __init__(self, fid: _Optional[_Union[Fid, _Mapping]] = ..., subject: _Optional[bytes] = ..., policy: _Optional[int] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("fid", "subject", "rights", "policy", "expires_ns", "entry", "layout", "opener", "task")
    FID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_NS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    OPENER_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    fid: Fid
    subject: bytes
    rights: int
    policy: int
    expires_ns: int
    entry: Entry
    layout: Layout
    opener: _containers.RepeatedCompositeFieldContainer[Label]
    task: bytes
    def __init__(self, fid: _Optional[_Union[Fid, _Mapping]] = ..., subject: _Optional[bytes] = ..., rights: _Optional[int] = ..., policy: _Optional[int] = ..., expires_ns: _Optional[int] = ..., entry: _Optional[_Union[Entry, _Mapping]] = ..., layout: _Optional[_Union[Layout, _Mapping]] = ..., opener: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., task: _Optional[bytes] = ...) -> None: ...

class ReceiptBody(_message.Message):
    __slots__ = ("target", "transno", "client", "xid", "request", "subject", "fid")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TRANSNO_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    XID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FID_FIELD_NUMBER: _ClassVar[int]
    target: str
    transno: int
    client: str
    xid: int
    request: bytes
    subject: bytes
    fid: Fid
    def __init__(self, target: _Optional[str] = ..., transno: _Optional[int] = ..., client: _Optional[str] = ..., xid: _Optional[int] = ..., request: _Optional[bytes] = ..., subject: _Optional[bytes] = ..., fid: _Optional[_Union[Fid, _Mapping]] = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("body", "mac")
    BODY_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    mac: bytes
    def __init__(self, body: _Optional[bytes] = ..., mac: _Optional[bytes] = ...) -> None: ...
