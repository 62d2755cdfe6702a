"""How a cluster behaves with ten, a hundred and a thousand clients, in the simulator (docs/scale.md).

In reading order:
    load      what a client does: a mix of operations with pauses, and some that the policy denies
    costs     what a call costs a server's processor, measured on real processes
    busy      the simulated network in which a server does one call after the other, each for its cost
    campaign  one number of clients: booted, driven, judged; what came of it
    command   `python -P -m harness.scale`: the options, and the table that is printed
"""
