"""The object-storage server: one OST, with a file's bytes in labelled objects, one a stripe.

In reading order:
  __main__  a process
  app       the role on its node: start, recovery, stop, evidence
  ops/      the handlers, by family: session, data, server
  ost       what every op works with: the store, the object files, the history's label event
  objects   objects with their labels, as rows of the store
  files     the objects' bytes, as sparse files

Never mds or client.
"""
