# Images of the train server, the worker and the player, from one build of the wheel. compose.yaml,
# deploy/kubernetes and docs/cloud.md use them.
#
#   docker build --target server -t hexz-server .
#   docker build --target worker -t hexz-worker .
#   docker build --target player -t hexz-player .
#
# `python benchmarks/images.py` installs each layer in a clean directory and prints its size;
# docs/cloud.md has the sizes.

FROM python:3.12-slim AS build
# The compiler does not get into any image, so its version does not matter.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /wheels
WORKDIR /source
COPY . .
# What hexzctl needs, for a layer that changes less often than it; and what its commands need beside
# that where all of them run. A fleet has its own Redis.
RUN python -c "import tomllib; \
    project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
    extras = project['optional-dependencies']; \
    whole = [extras[name] for name in ('train', 'hdf5', 'onnx', 'plot', 'tensorboard')]; \
    print(*project['dependencies'], sep='\n', file=open('/wheels/hexzctl.txt', 'w')); \
    print(*sum(whole, []), sep='\n', file=open('/wheels/whole.txt', 'w'))"
RUN pip install --no-cache-dir --constraint constraints.txt setuptools cython
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1
RUN useradd --no-log-init --uid 10001 hexz
COPY constraints.txt /wheels/

# Trains, uses GPUs, exports and plots. PyTorch is a layer of its own, as it is large and seldom
# changes.
# TORCH_INDEX is the package index to take PyTorch from: without it pip takes the default build,
# which has CUDA and several gigabytes. Its tests and what is for C++ only are left out.
FROM base AS whole
ARG TORCH_INDEX=
RUN pip install --no-cache-dir --no-deps --constraint /wheels/constraints.txt \
    ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && find /usr/local/lib/python3.12/site-packages/torch -type f ! -name torch_shm_manager \
        -regex '.*/torch/\(bin\|include\|test\)/.*' -delete
COPY --from=build /wheels/*.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt \
    --requirement /wheels/hexzctl.txt --requirement /wheels/whole.txt
COPY --from=build /wheels/*.whl /wheels/
RUN pip install --no-cache-dir --no-deps /wheels/*.whl

# Needs HEXZ_REDIS_URL and HEXZ_AUTH_TOKEN; HEXZ_STORE should be a bucket. /data holds the journal
# and must outlive the container. It listens at 0.0.0.0:$PORT.
FROM whole AS server
RUN install --directory --owner hexz /data
ENV HEXZ_HOST=0.0.0.0 PORT=8080 HEXZ_STORE=/data HEXZ_DATA_DIR=/data
USER 10001
ENTRYPOINT ["hexzctl", "train-server"]

# Needs HEXZ_SERVER_URL, HEXZ_REDIS_URL and HEXZ_AUTH_TOKEN.
FROM whole AS worker
USER 10001
ENTRYPOINT ["hexzctl", "worker"]

# Needs nothing; HEXZ_MODEL_PATH names another network than the one that ships with hexz. Everybody
# who reaches 0.0.0.0:$PORT may play.
FROM base AS player
COPY --from=build /wheels/*.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt \
    --requirement /wheels/hexzctl.txt
COPY --from=build /wheels/*.whl /wheels/
RUN pip install --no-cache-dir --no-deps /wheels/*.whl
ENV HEXZ_HOST=0.0.0.0 PORT=8080
USER 10001
ENTRYPOINT ["hexzctl", "serve-player"]
