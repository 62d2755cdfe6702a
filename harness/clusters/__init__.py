"""Clusters of nodes on a runtime, behind one synchronous API.

In reading order:
  owner.py  the folders that a cluster keeps in the temporary folder; what is left over is pruned
"""
