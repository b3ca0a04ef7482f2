# Images of the train server, the worker and the player, from one build of the wheel. docs/cloud.md
# uses them.
#
#   docker build --target server -t hexz-server .
#   docker build --target worker -t hexz-worker .
#   docker build --target player -t hexz-player .

FROM python:3.12-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt setuptools cython
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1
RUN useradd --uid 10001 hexz
# A layer of its own, as it is large and seldom changes. TORCH_INDEX is the package index to take
# PyTorch from: without it pip takes the default build, which has CUDA and several gigabytes.
ARG TORCH_INDEX=
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --no-deps --constraint /wheels/constraints.txt \
    ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl

# Needs HEXZ_REDIS_URL and HEXZ_AUTH_TOKEN; HEXZ_STORE should be a bucket. /data holds the journal
# and must outlive the container. It listens at 0.0.0.0:$PORT.
FROM base AS server
RUN install --directory --owner hexz /data
ENV HEXZ_HOST=0.0.0.0 PORT=8080 HEXZ_STORE=/data HEXZ_DATA_DIR=/data
USER 10001
ENTRYPOINT ["hexzctl", "train-server"]

FROM base AS int8
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt "$(echo /wheels/*.whl)[int8]"
USER 10001

# Needs HEXZ_SERVER_URL, HEXZ_REDIS_URL and HEXZ_AUTH_TOKEN.
FROM int8 AS worker
ENTRYPOINT ["hexzctl", "worker"]

# Needs nothing; HEXZ_MODEL_PATH names another network than the one that ships with hexz. Everybody
# who reaches 0.0.0.0:$PORT may play.
FROM int8 AS player
ENV HEXZ_HOST=0.0.0.0 PORT=8080
ENTRYPOINT ["hexzctl", "serve-player"]
