"""The metadata server: one MDT, with names, attributes and labels, and the grants to reach data.

In reading order:
  __main__  a process
  app       the role on its node: start, mkfs, recovery, stop, evidence
  ops/      the handlers, by family: session, namespace, attr, xattr, open, label
  mdt       what every op works with: the store, resolving a place, making an object, recording a label
  create    a new inode, its entry and every label, in one step
  inodes    inodes and their xattrs, as rows of the store
  entries   directory entries with stable cookies
  labels    labels as xattrs: which ones, what counts without one, the history's event
  privs     what a file loses when it is written to or given away: set-id bits, file capabilities
  filecaps  file capabilities: which values are valid, and how they are kept
  flocks    locks of open files and processes on files, in memory
  leases    leases of open files on files, in memory
  handles   open files and directories, in memory
  clients   who is connected; a client that was restarted is evicted
  osts      this server as a client of the OSTs: glimpse, punch, relabel, destroy
  relabels  relabels under way: told to the OSTs, undone
  reaper    what outlives a call: objects without a name, relabels to undo

Never oss or client.
"""
