"""The labels by which Compose finds its containers again, whatever its version names them."""

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
# "True" on what `run` started beside the service's own containers.
ONEOFF = "com.docker.compose.oneoff"
