"""The filesystem as a whole."""

from __future__ import annotations

from client.ctx import Ctx
from labelproof.v1 import mds_pb2 as pb


async def statfs(ctx: Ctx) -> dict[str, int]:
    """statfs(2) of the mount: {"block_size", "blocks", "blocks_free", "files", "name_max"}."""
    ctx.guard.check("statfs")
    reply = await ctx.send("statfs", pb.StatfsRequest())
    return {name: int(getattr(reply, name)) for name in pb.StatfsReply.DESCRIPTOR.fields_by_name}
