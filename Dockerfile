# One image for every node and for the harness. BASE: Debian or Ubuntu with Python 3.11 or newer and its venv module.
# Both builders of Docker take it, the legacy one too. The packages come from the index that pip knows: the base image
# or the build's proxy says which.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# The legacy builder keeps this stage as an image without a name: by the label `labelproof prune` knows whose it is.
LABEL labelproof.stage=build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# pip stays in an environment of its own: the final one has what runs, and nothing that installs.
RUN python3 -m venv /build \
    && /build/bin/pip install "hatchling>=1.27" \
    && python3 -m venv --without-pip /opt/labelproof
WORKDIR /src
COPY pyproject.toml ./
# What the project needs goes first: a change of the source builds the layers below this one only.
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > /build/requirements \
    && /build/bin/pip --python /opt/labelproof/bin/python install -r /build/requirements
COPY . .
RUN /build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /build/wheels . \
    && /build/bin/pip --python /opt/labelproof/bin/python install --no-deps --no-index /build/wheels/*.whl

FROM ${BASE}
# libsepol, the engine of SELinux: Debian's essential packages bring it along, other bases may not.
RUN python3 -c "import ctypes; ctypes.CDLL('libsepol.so.2')" 2>/dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends libsepol2 && rm -rf /var/lib/apt/lists/*)
# Any user may be given with `user:`, so that nodes can read secrets which only their owner may: hence the modes.
RUN groupadd --gid 10001 labelproof \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/labelproof labelproof \
    && install -d -m 1777 -o labelproof -g labelproof /var/lib/labelproof /run/labelproof /results
COPY --from=build /opt/labelproof /opt/labelproof
ENV PATH=/opt/labelproof/bin:$PATH PYTHONUNBUFFERED=1
USER labelproof
WORKDIR /var/lib/labelproof
EXPOSE 7000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-P", "-m", "host.health"]
# The command is a role: mds, oss or client. `labelproof` is on the path for whoever overrides the entrypoint.
ENTRYPOINT ["python", "-P", "-m"]
CMD ["mds", "--secrets", "/run/secrets"]
