"""What is behind an open node that is no file: its bytes are no server's, so that nobody is asked again for them."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Device(ABC):
    """The bytes of an open device, as those of a file on its objects (client/osc.py). Who may have them was asked as it
    was opened."""

    judged = False

    @abstractmethod
    async def read(self, at: int, length: int) -> bytes: ...

    @abstractmethod
    async def write(self, at: int, data: bytes) -> int: ...

    async def ask(self, mask: int) -> None:  # noqa: B027  # what all devices do
        """Nobody."""

    def moved(self, pos: int, to: int) -> int:
        """The position after bytes up to `to` were read or written; where one is as good as another it stays."""
        return pos

    @abstractmethod
    def seek(self, pos: int, offset: int, whence: int) -> int:
        """The position that lseek leads to. EINVAL, ENXIO, ESPIPE."""

    def close(self) -> None:  # noqa: B027  # what most do
        """Nothing is held."""
