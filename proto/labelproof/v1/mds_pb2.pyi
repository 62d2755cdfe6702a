from labelproof.v1 import context_pb2 as _context_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Place(_message.Message):
    __slots__ = ("fid", "name", "handle")
    FID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    fid: _context_pb2.Fid
    name: Name
    handle: bytes
    def __init__(self, fid: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., name: _Optional[_Union[Name, _Mapping]] = ..., handle: _Optional[bytes] = ...) -> None: ...

class Name(_message.Message):
    __slots__ = ("parent", "name", "slash")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLASH_FIELD_NUMBER: _ClassVar[int]
    parent: _context_pb2.Fid
    name: bytes
    slash: bool
    def __init__(self, parent: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., name: _Optional[bytes] = ..., slash: _Optional[bool] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("label",)
    LABEL_FIELD_NUMBER: _ClassVar[int]
    label: _context_pb2.Label
    def __init__(self, label: _Optional[_Union[_context_pb2.Label, _Mapping]] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("client", "features", "started_ns")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    STARTED_NS_FIELD_NUMBER: _ClassVar[int]
    client: str
    features: _containers.RepeatedScalarFieldContainer[str]
    started_ns: int
    def __init__(self, client: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., started_ns: _Optional[int] = ...) -> None: ...

class ConnectReply(_message.Message):
    __slots__ = ("nodemap", "last_committed", "policy_seqno", "policy_digest", "sepol", "features", "labels")
    NODEMAP_FIELD_NUMBER: _ClassVar[int]
    LAST_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    POLICY_SEQNO_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    nodemap: str
    last_committed: int
    policy_seqno: int
    policy_digest: str
    sepol: str
    features: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, nodemap: _Optional[str] = ..., last_committed: _Optional[int] = ..., policy_seqno: _Optional[int] = ..., policy_digest: _Optional[str] = ..., sepol: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRootRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LookupRequest(_message.Message):
    __slots__ = ("name", "first", "first_ticket")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    FIRST_TICKET_FIELD_NUMBER: _ClassVar[int]
    name: Name
    first: _context_pb2.Fid
    first_ticket: bytes
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., first: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., first_ticket: _Optional[bytes] = ...) -> None: ...

class LookupReply(_message.Message):
    __slots__ = ("entry", "ticket")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    ticket: bytes
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ..., ticket: _Optional[bytes] = ...) -> None: ...

class AccessRequest(_message.Message):
    __slots__ = ("place", "mask", "effective", "chdir")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    CHDIR_FIELD_NUMBER: _ClassVar[int]
    place: Place
    mask: int
    effective: bool
    chdir: bool
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., mask: _Optional[int] = ..., effective: _Optional[bool] = ..., chdir: _Optional[bool] = ...) -> None: ...

class AccessReply(_message.Message):
    __slots__ = ("entry", "ticket")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    ticket: bytes
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ..., ticket: _Optional[bytes] = ...) -> None: ...

class GetattrRequest(_message.Message):
    __slots__ = ("place", "end", "follow")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    place: Place
    end: bool
    follow: bool
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., end: _Optional[bool] = ..., follow: _Optional[bool] = ...) -> None: ...

class AttrReply(_message.Message):
    __slots__ = ("attr", "ticket", "receipt")
    ATTR_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    attr: _context_pb2.Attr
    ticket: bytes
    receipt: _context_pb2.Receipt
    def __init__(self, attr: _Optional[_Union[_context_pb2.Attr, _Mapping]] = ..., ticket: _Optional[bytes] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class SetattrRequest(_message.Message):
    __slots__ = ("place", "mode", "uid", "gid", "size", "atime_ns", "mtime_ns", "now")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    GID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ATIME_NS_FIELD_NUMBER: _ClassVar[int]
    MTIME_NS_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    place: Place
    mode: int
    uid: int
    gid: int
    size: int
    atime_ns: int
    mtime_ns: int
    now: bool
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., mode: _Optional[int] = ..., uid: _Optional[int] = ..., gid: _Optional[int] = ..., size: _Optional[int] = ..., atime_ns: _Optional[int] = ..., mtime_ns: _Optional[int] = ..., now: _Optional[bool] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ("place", "flags", "mode", "umask", "claim")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    UMASK_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    place: Place
    flags: int
    mode: int
    umask: int
    claim: Claim
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., flags: _Optional[int] = ..., mode: _Optional[int] = ..., umask: _Optional[int] = ..., claim: _Optional[_Union[Claim, _Mapping]] = ...) -> None: ...

class OpenReply(_message.Message):
    __slots__ = ("attr", "ticket", "handle", "token", "layout", "created", "receipt")
    ATTR_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    attr: _context_pb2.Attr
    ticket: bytes
    handle: bytes
    token: bytes
    layout: _context_pb2.Layout
    created: bool
    receipt: _context_pb2.Receipt
    def __init__(self, attr: _Optional[_Union[_context_pb2.Attr, _Mapping]] = ..., ticket: _Optional[bytes] = ..., handle: _Optional[bytes] = ..., token: _Optional[bytes] = ..., layout: _Optional[_Union[_context_pb2.Layout, _Mapping]] = ..., created: _Optional[bool] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class CloseRequest(_message.Message):
    __slots__ = ("handle", "read_age_ns")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    READ_AGE_NS_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    read_age_ns: int
    def __init__(self, handle: _Optional[bytes] = ..., read_age_ns: _Optional[int] = ...) -> None: ...

class CloseReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _context_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class MkdirRequest(_message.Message):
    __slots__ = ("name", "mode", "umask", "claim")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    UMASK_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    name: Name
    mode: int
    umask: int
    claim: Claim
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., mode: _Optional[int] = ..., umask: _Optional[int] = ..., claim: _Optional[_Union[Claim, _Mapping]] = ...) -> None: ...

class MknodRequest(_message.Message):
    __slots__ = ("name", "mode", "umask", "rdev", "claim")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    UMASK_FIELD_NUMBER: _ClassVar[int]
    RDEV_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    name: Name
    mode: int
    umask: int
    rdev: int
    claim: Claim
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., mode: _Optional[int] = ..., umask: _Optional[int] = ..., rdev: _Optional[int] = ..., claim: _Optional[_Union[Claim, _Mapping]] = ...) -> None: ...

class SymlinkRequest(_message.Message):
    __slots__ = ("name", "target", "claim")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    name: Name
    target: bytes
    claim: Claim
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., target: _Optional[bytes] = ..., claim: _Optional[_Union[Claim, _Mapping]] = ...) -> None: ...

class ReadlinkRequest(_message.Message):
    __slots__ = ("place",)
    PLACE_FIELD_NUMBER: _ClassVar[int]
    place: Place
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class ReadlinkReply(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    def __init__(self, target: _Optional[bytes] = ...) -> None: ...

class UnlinkRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: Name
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ...) -> None: ...

class UnlinkReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _context_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class LinkRequest(_message.Message):
    __slots__ = ("object", "object_ticket", "name", "handle")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TICKET_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    object: _context_pb2.Fid
    object_ticket: bytes
    name: Name
    handle: bytes
    def __init__(self, object: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., object_ticket: _Optional[bytes] = ..., name: _Optional[_Union[Name, _Mapping]] = ..., handle: _Optional[bytes] = ...) -> None: ...

class RenameRequest(_message.Message):
    __slots__ = ("source", "target", "target_ticket", "flags")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TARGET_TICKET_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    source: Name
    target: Name
    target_ticket: bytes
    flags: int
    def __init__(self, source: _Optional[_Union[Name, _Mapping]] = ..., target: _Optional[_Union[Name, _Mapping]] = ..., target_ticket: _Optional[bytes] = ..., flags: _Optional[int] = ...) -> None: ...

class RenameReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _context_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class LockRequest(_message.Message):
    __slots__ = ("handle", "posix", "type", "start", "length", "wait", "test", "cancel", "closes")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    POSIX_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CLOSES_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    posix: bool
    type: int
    start: int
    length: int
    wait: bool
    test: bool
    cancel: bool
    closes: bool
    def __init__(self, handle: _Optional[bytes] = ..., posix: _Optional[bool] = ..., type: _Optional[int] = ..., start: _Optional[int] = ..., length: _Optional[int] = ..., wait: _Optional[bool] = ..., test: _Optional[bool] = ..., cancel: _Optional[bool] = ..., closes: _Optional[bool] = ...) -> None: ...

class LockReply(_message.Message):
    __slots__ = ("blocked", "type", "start", "length", "pid", "receipt")
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    blocked: bool
    type: int
    start: int
    length: int
    pid: int
    receipt: _context_pb2.Receipt
    def __init__(self, blocked: _Optional[bool] = ..., type: _Optional[int] = ..., start: _Optional[int] = ..., length: _Optional[int] = ..., pid: _Optional[int] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class FcntlRequest(_message.Message):
    __slots__ = ("handle", "cmd", "arg")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    CMD_FIELD_NUMBER: _ClassVar[int]
    ARG_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    cmd: int
    arg: int
    def __init__(self, handle: _Optional[bytes] = ..., cmd: _Optional[int] = ..., arg: _Optional[int] = ...) -> None: ...

class FcntlReply(_message.Message):
    __slots__ = ("token", "value", "receipt")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    value: int
    receipt: _context_pb2.Receipt
    def __init__(self, token: _Optional[bytes] = ..., value: _Optional[int] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class IoctlRequest(_message.Message):
    __slots__ = ("handle", "cmd", "arg", "data")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    CMD_FIELD_NUMBER: _ClassVar[int]
    ARG_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    cmd: int
    arg: int
    data: bytes
    def __init__(self, handle: _Optional[bytes] = ..., cmd: _Optional[int] = ..., arg: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class IoctlReply(_message.Message):
    __slots__ = ("value", "data")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    value: int
    data: bytes
    def __init__(self, value: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class MmapRequest(_message.Message):
    __slots__ = ("handle", "prot", "shared", "mprotect", "dirtied", "noatime")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    PROT_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    MPROTECT_FIELD_NUMBER: _ClassVar[int]
    DIRTIED_FIELD_NUMBER: _ClassVar[int]
    NOATIME_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    prot: int
    shared: bool
    mprotect: bool
    dirtied: bool
    noatime: bool
    def __init__(self, handle: _Optional[bytes] = ..., prot: _Optional[int] = ..., shared: _Optional[bool] = ..., mprotect: _Optional[bool] = ..., dirtied: _Optional[bool] = ..., noatime: _Optional[bool] = ...) -> None: ...

class MmapReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("place", "mask", "fanotify", "mark")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    FANOTIFY_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    place: Place
    mask: int
    fanotify: bool
    mark: int
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., mask: _Optional[int] = ..., fanotify: _Optional[bool] = ..., mark: _Optional[int] = ...) -> None: ...

class WatchReply(_message.Message):
    __slots__ = ("entry",)
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ...) -> None: ...

class ReaddirRequest(_message.Message):
    __slots__ = ("handle", "cookie", "count", "plus", "noatime")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    COOKIE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PLUS_FIELD_NUMBER: _ClassVar[int]
    NOATIME_FIELD_NUMBER: _ClassVar[int]
    handle: bytes
    cookie: int
    count: int
    plus: bool
    noatime: bool
    def __init__(self, handle: _Optional[bytes] = ..., cookie: _Optional[int] = ..., count: _Optional[int] = ..., plus: _Optional[bool] = ..., noatime: _Optional[bool] = ...) -> None: ...

class Dirent(_message.Message):
    __slots__ = ("name", "cookie", "type", "fid", "entry")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COOKIE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    cookie: int
    type: int
    fid: _context_pb2.Fid
    entry: _context_pb2.Entry
    def __init__(self, name: _Optional[bytes] = ..., cookie: _Optional[int] = ..., type: _Optional[int] = ..., fid: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ...) -> None: ...

class ReaddirReply(_message.Message):
    __slots__ = ("entries", "eof")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    EOF_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Dirent]
    eof: bool
    def __init__(self, entries: _Optional[_Iterable[_Union[Dirent, _Mapping]]] = ..., eof: _Optional[bool] = ...) -> None: ...

class GetxattrRequest(_message.Message):
    __slots__ = ("place", "name")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    place: Place
    name: str
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., name: _Optional[str] = ...) -> None: ...

class GetxattrReply(_message.Message):
    __slots__ = ("label",)
    LABEL_FIELD_NUMBER: _ClassVar[int]
    label: _context_pb2.Label
    def __init__(self, label: _Optional[_Union[_context_pb2.Label, _Mapping]] = ...) -> None: ...

class SetxattrRequest(_message.Message):
    __slots__ = ("place", "name", "value", "flags")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    place: Place
    name: str
    value: bytes
    flags: int
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., name: _Optional[str] = ..., value: _Optional[bytes] = ..., flags: _Optional[int] = ...) -> None: ...

class SetxattrReply(_message.Message):
    __slots__ = ("label_version", "receipt")
    LABEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    label_version: int
    receipt: _context_pb2.Receipt
    def __init__(self, label_version: _Optional[int] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class RemovexattrRequest(_message.Message):
    __slots__ = ("place", "name")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    place: Place
    name: str
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., name: _Optional[str] = ...) -> None: ...

class ListxattrRequest(_message.Message):
    __slots__ = ("place",)
    PLACE_FIELD_NUMBER: _ClassVar[int]
    place: Place
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class ListxattrReply(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class StatfsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatfsReply(_message.Message):
    __slots__ = ("block_size", "blocks", "blocks_free", "files", "name_max")
    BLOCK_SIZE_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FREE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    NAME_MAX_FIELD_NUMBER: _ClassVar[int]
    block_size: int
    blocks: int
    blocks_free: int
    files: int
    name_max: int
    def __init__(self, block_size: _Optional[int] = ..., blocks: _Optional[int] = ..., blocks_free: _Optional[int] = ..., files: _Optional[int] = ..., name_max: _Optional[int] = ...) -> None: ...
