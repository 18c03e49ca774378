# One image for every process: `docker run quindex worker`, `ingress`, `setup`, `simulator`, …
# Built in two stages, so that no compiler and no cache end up in it.

# Pinned to a minor version and a Debian release; give a digest to pin every byte (docs/operations.md).
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/quindex
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN /opt/quindex/bin/pip install --require-hashes --requirement requirements.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --requirement requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ingress ingress
COPY ops ops
COPY pim pim
COPY runtime runtime
COPY simulator simulator
COPY sinks sinks
COPY stack stack
COPY streams streams
COPY topics topics
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /wheels . \
 && /opt/quindex/bin/pip install --no-deps --no-index /wheels/*.whl


FROM ${BASE}

RUN groupadd --system --gid 10001 quindex \
 && useradd --system --uid 10001 --gid quindex --home-dir /var/lib/quindex --create-home quindex \
 && install --directory --owner quindex --group quindex /var/lib/quindex/spool
COPY --from=build /opt/quindex /opt/quindex

ENV PATH=/opt/quindex/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    QUINDEX_SPOOL_PATH=/var/lib/quindex/spool
USER 10001:10001
WORKDIR /var/lib/quindex
VOLUME /var/lib/quindex/spool
STOPSIGNAL SIGTERM
ENTRYPOINT ["quindex"]
CMD ["--help"]
