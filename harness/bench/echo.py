"""The process of the bare echo: its identity on stdin, its address on stdout, gone when its stdin ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import TracebackType
from typing import Self

from harness.bench import echoing
from rpc import echo, tls


class EchoProcess:
    """A running echo: `address`, and the `identity` (packed) that a client of it shows. Ends with its block."""

    def __enter__(self) -> Self:
        authority = tls.make_ca(echoing.PEER.cluster)
        self.identity = echoing.packed(authority.issue("client", "driver"))
        command = [sys.executable, "-P", "-m", "harness.bench.echo"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            peer = echoing.PEER
            self._process.stdin.write(echoing.packed(authority.issue(peer.role, peer.node)) + "\n")
            self.address = self._process.stdout.readline().strip()
            if not self.address:
                raise OSError(f"the echo ended with status {self._process.wait()} before it served")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


async def _serve() -> None:
    server = await echo.serve(echoing.unpacked(sys.stdin.readline()))
    sys.stdout.write(f"{server.address}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(_serve())
