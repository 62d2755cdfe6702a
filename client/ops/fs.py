"""The filesystem as a whole."""

from __future__ import annotations

from client.args import Path
from client.ctx import Ctx
from labelproof.v1 import mds_pb2 as pb


async def statfs(ctx: Ctx, path: Path = b"/") -> dict[str, int]:
    """statfs(2): {"block_size", "blocks", "blocks_free", "files", "name_max"} of the mount that `path` is on.

    Every path is on this one, but it is walked all the same (fs/statfs.c, user_statfs); the root needs no walk.
    """
    if path.strip(b"/") or not path:
        await ctx.target(path, None)
    ctx.guard.check("statfs")
    reply = await ctx.send("statfs", pb.StatfsRequest())
    return {name: int(getattr(reply, name)) for name in pb.StatfsReply.DESCRIPTOR.fields_by_name}
