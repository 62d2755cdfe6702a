"""What every node has, whatever its role: its configuration, its policy, its tasks, its admin service.

In reading order:
  config.py  NodeConfig: what a node is told at start
  policy.py  the node's policy: load, enforce, booleans; the fingerprint `sepol`; the framework made of it
  node.py    Node: clock, random numbers, history, seal, admission, policy and peers in one place
  auditlog.py  the node's audit log: AVC lines in the kernel's format
  store.py   one SQLite connection a target: an op is one step, replies leave after the group commit
  locks.py   who may take steps on an object that belong together over several awaits
  stripes.py  how a file's bytes lie over its objects
  tasks.py   the tasks of a client node, and the mediation of their own attributes
  admin.py   the service Admin, for the role harness only
  app.py     what a role brings: its services, its start and stop
  serve.py   an app over gRPC: bind, serve, health
  main.py    a node process: configuration on stdin, one ready line on stdout, gone with its parent
  memory.py  how that process treats its memory
  secrets.py, standalone.py, lives.py  a node of a container: its role's keys, its name, what each run begins it with
  health.py  the image's HEALTHCHECK

A node's own kernel services (ipc, keys, sockets ...) will be files here too, one a family. Never mds, oss or client.
"""
