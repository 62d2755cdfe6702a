"""What can be said of a policy without a cluster: `labelproof policy`.

In reading order:
    loaded     a policy file with its tables and libsepol's decisions; booleans set as asked
    info       statistics, and what libsepol says of a file (`check`)
    bits       sets of types as integers, and their names again
    vectors    the access vectors that two policies differ in, attributes and booleans expanded
    diff       everything else that they differ in, and both together; tell: a difference as text and JSON
    cases      policy unit tests in YAML, with the place of each assertion; trial: running them
    propose    a profile (harness/profile.py) from the policy itself; grants: what it lacks; toml: its text

Nothing here starts a cluster. Decisions are libsepol's; labels of new objects are the model's.
"""
