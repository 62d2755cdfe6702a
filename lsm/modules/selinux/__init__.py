"""SELinux: the security server in Python over flattened CIL, and the LSM module that asks it.

In reading order:
    sexpr, sets                       text: statements, set expressions
    mls, context                      levels and ranges; user:role:type:range
    avtab, conditional, constraint, transition, xperm     one kind of rule each
    policy                            the tables of one policy, immutable
    parse: declarations, names, draft, statements_te, statements_rest     text -> policy
    sidtab, decide, server            SIDs, decisions, the security server's interface
    perms, query, relabel, module     what an operation asks for; one query; a new label; the hooks
Nothing here imports libsepol, or anything of ours outside lsm: a server needs the flattened text only.
"""
