"""Why: what denied an access, and where a label comes from, told of a stored run.

In reading order:
    story       the history of one cluster, indexed: who, in which operation, in which rpc, under which policy
    find        EVENT -> denials, PATH or FID -> object
    rules       the policy's own text: allow rules, conditions, role allows, bounds
    causes      a denied access -> what denied it, in audit2why's words, and what would allow it
    provenance  subject, parent, class, name -> which rule gives each part of the new object's label
    denied      `why denied`: one denial told whole
    label       `why label`: the chain of events that led to an object's label
    render      both as text and as JSON values

Needs a run's folder and, for `denied`, libsepol; never a cluster.
"""
