"""The simulator: virtual time and a seeded network, in which the production code of the nodes runs unchanged.

In reading order:
  loop.py     an asyncio loop whose time jumps; deadlock is an error that says who waits; the machine is out of reach
  clock.py    the Clock of simulated nodes
  network.py  the memory transport with one seeded generator of delays a link

Nothing here knows a role: harness.clusters brings the apps.
"""
