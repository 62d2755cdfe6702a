from labelproof.v1 import context_pb2 as _context_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Value(_message.Message):
    __slots__ = ("integer", "data", "text", "flag", "list", "map", "none")
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    integer: int
    data: bytes
    text: str
    flag: bool
    list: Values
    map: Fields
    none: bool
    def __init__(self, integer: _Optional[int] = ..., data: _Optional[bytes] = ..., text: _Optional[str] = ..., flag: _Optional[bool] = ..., list: _Optional[_Union[Values, _Mapping]] = ..., map: _Optional[_Union[Fields, _Mapping]] = ..., none: _Optional[bool] = ...) -> None: ...

class Values(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, items: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class Fields(_message.Message):
    __slots__ = ("items",)
    class ItemsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.MessageMap[str, Value]
    def __init__(self, items: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("task", "context", "umask")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    UMASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    context: _context_pb2.SecurityContext
    umask: int
    def __init__(self, task: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., umask: _Optional[int] = ...) -> None: ...

class LoginReply(_message.Message):
    __slots__ = ("pid",)
    PID_FIELD_NUMBER: _ClassVar[int]
    pid: int
    def __init__(self, pid: _Optional[int] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ("task", "keep")
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    task: str
    keep: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task: _Optional[str] = ..., keep: _Optional[_Iterable[str]] = ...) -> None: ...

class LogoutReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MountRequest(_message.Message):
    __slots__ = ("mount", "lsm")
    MOUNT_FIELD_NUMBER: _ClassVar[int]
    LSM_FIELD_NUMBER: _ClassVar[int]
    mount: str
    lsm: bool
    def __init__(self, mount: _Optional[str] = ..., lsm: _Optional[bool] = ...) -> None: ...

class MountReply(_message.Message):
    __slots__ = ("sepol",)
    SEPOL_FIELD_NUMBER: _ClassVar[int]
    sepol: str
    def __init__(self, sepol: _Optional[str] = ...) -> None: ...

class SyscallRequest(_message.Message):
    __slots__ = ("task", "mount", "op", "test", "name", "args")
    TASK_FIELD_NUMBER: _ClassVar[int]
    MOUNT_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    task: str
    mount: str
    op: str
    test: str
    name: str
    args: Fields
    def __init__(self, task: _Optional[str] = ..., mount: _Optional[str] = ..., op: _Optional[str] = ..., test: _Optional[str] = ..., name: _Optional[str] = ..., args: _Optional[_Union[Fields, _Mapping]] = ...) -> None: ...

class SyscallReply(_message.Message):
    __slots__ = ("errno", "message", "definite", "value")
    ERRNO_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEFINITE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    errno: int
    message: str
    definite: bool
    value: Value
    def __init__(self, errno: _Optional[int] = ..., message: _Optional[str] = ..., definite: _Optional[bool] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
