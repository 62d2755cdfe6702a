"""Clusters of containers that somebody else's tool runs: docker-compose, docker stack.

In reading order:
    certs    the secrets of such a cluster: `labelproof certs`
    labels   how Compose's containers are found again
    project  a compose project: its file, the tool that runs it, up, down
    inside   `labelproof compose`: up, a run inside, its results out, down
    stack    docker-compose.yml as a stack file for a swarm: `labelproof compose --stack`

How the harness takes such a cluster's nodes over is in harness/clusters/compose.py.
"""
