from labelproof.v1 import context_pb2 as _context_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OssConnectRequest(_message.Message):
    __slots__ = ("client",)
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    client: str
    def __init__(self, client: _Optional[str] = ...) -> None: ...

class OssConnectReply(_message.Message):
    __slots__ = ("nodemap", "last_committed", "policy_seqno", "sepol")
    NODEMAP_FIELD_NUMBER: _ClassVar[int]
    LAST_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    POLICY_SEQNO_FIELD_NUMBER: _ClassVar[int]
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    nodemap: str
    last_committed: int
    policy_seqno: int
    sepol: str
    def __init__(self, nodemap: _Optional[str] = ..., last_committed: _Optional[int] = ..., policy_seqno: _Optional[int] = ..., sepol: _Optional[str] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("token", "stripe", "offset", "length")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    stripe: int
    offset: int
    length: int
    def __init__(self, token: _Optional[bytes] = ..., stripe: _Optional[int] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadReply(_message.Message):
    __slots__ = ("data", "size", "judged")
    DATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    size: int
    judged: bool
    def __init__(self, data: _Optional[bytes] = ..., size: _Optional[int] = ..., judged: _Optional[bool] = ...) -> None: ...

class WriteRequest(_message.Message):
    __slots__ = ("token", "stripe", "offset", "data")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    stripe: int
    offset: int
    data: bytes
    def __init__(self, token: _Optional[bytes] = ..., stripe: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class FallocateRequest(_message.Message):
    __slots__ = ("token", "stripe", "offset", "length", "zero", "grow")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    ZERO_FIELD_NUMBER: _ClassVar[int]
    GROW_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    stripe: int
    offset: int
    length: int
    zero: bool
    grow: bool
    def __init__(self, token: _Optional[bytes] = ..., stripe: _Optional[int] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ..., zero: _Optional[bool] = ..., grow: _Optional[bool] = ...) -> None: ...

class WriteReply(_message.Message):
    __slots__ = ("size", "judged", "receipt")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    size: int
    judged: bool
    receipt: _context_pb2.Receipt
    def __init__(self, size: _Optional[int] = ..., judged: _Optional[bool] = ..., receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...

class SeekRequest(_message.Message):
    __slots__ = ("token", "stripe", "offset", "hole")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    HOLE_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    stripe: int
    offset: int
    hole: bool
    def __init__(self, token: _Optional[bytes] = ..., stripe: _Optional[int] = ..., offset: _Optional[int] = ..., hole: _Optional[bool] = ...) -> None: ...

class SeekReply(_message.Message):
    __slots__ = ("offset", "size")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    offset: int
    size: int
    def __init__(self, offset: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class SetLabelRequest(_message.Message):
    __slots__ = ("fid", "stripe", "label", "label_version", "entry")
    FID_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LABEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    fid: _context_pb2.Fid
    stripe: int
    label: _context_pb2.Label
    label_version: int
    entry: _context_pb2.Entry
    def __init__(self, fid: _Optional[_Union[_context_pb2.Fid, _Mapping]] = ..., stripe: _Optional[int] = ..., label: _Optional[_Union[_context_pb2.Label, _Mapping]] = ..., label_version: _Optional[int] = ..., entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ...) -> None: ...

class OssSetattrRequest(_message.Message):
    __slots__ = ("entry", "stripe", "closed")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    stripe: int
    closed: bool
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ..., stripe: _Optional[int] = ..., closed: _Optional[bool] = ...) -> None: ...

class PunchRequest(_message.Message):
    __slots__ = ("stripe", "size", "entry")
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    stripe: int
    size: int
    entry: _context_pb2.Entry
    def __init__(self, stripe: _Optional[int] = ..., size: _Optional[int] = ..., entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ...) -> None: ...

class GlimpseRequest(_message.Message):
    __slots__ = ("entry", "stripe")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    stripe: int
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ..., stripe: _Optional[int] = ...) -> None: ...

class GlimpseReply(_message.Message):
    __slots__ = ("size", "exists", "changed_ns", "unprivileged_ns", "outsider_ns")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_NS_FIELD_NUMBER: _ClassVar[int]
    UNPRIVILEGED_NS_FIELD_NUMBER: _ClassVar[int]
    OUTSIDER_NS_FIELD_NUMBER: _ClassVar[int]
    size: int
    exists: bool
    changed_ns: int
    unprivileged_ns: int
    outsider_ns: int
    def __init__(self, size: _Optional[int] = ..., exists: _Optional[bool] = ..., changed_ns: _Optional[int] = ..., unprivileged_ns: _Optional[int] = ..., outsider_ns: _Optional[int] = ...) -> None: ...

class DestroyRequest(_message.Message):
    __slots__ = ("entry", "stripe")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    entry: _context_pb2.Entry
    stripe: int
    def __init__(self, entry: _Optional[_Union[_context_pb2.Entry, _Mapping]] = ..., stripe: _Optional[int] = ...) -> None: ...

class OssReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _context_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_context_pb2.Receipt, _Mapping]] = ...) -> None: ...
