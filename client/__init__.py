"""The client: tasks with a context, a mount, and the calls to the servers that a task's operations become.

In reading order:
  __main__.py        the node's process
  app.py, agent.py   the role; the service by which the harness logs a task in and makes it act
  ops/               the operations by family, and SYSCALLS, the table of them; args.py binds their arguments
  ctx.py             what an operation has at hand: walk, guard, metadata and data clients
  walk.py            the path walk: links, `..`, limits
  guard.py           the client's own LSM, where the mount has it on
  mdc.py, mount.py   requests to the MDS with tickets; the servers behind a mount, and each subject's root
  osc.py, stripe.py  a file's bytes over its OSTs; the arithmetic of stripes
  device.py, devices.py, pipes.py   what is behind a node that is no file; the drivers; fifos
  entry.py, file.py, values.py   what is known of an object; an open file; values on the wire

A client enforces nothing that a server relies on. Never mds, oss or harness.
"""
