#!/bin/bash
# Runs as root at every boot of the train server's VM, which has Container-Optimized OS: mounts the
# data disk, fetches secrets, and starts Redis and the train server as containers.
#
# Metadata of the VM: `hexz-image` names the image, `hexz-env` holds the settings (server.env).
set -euo pipefail

readonly REDIS_IMAGE=mirror.gcr.io/library/redis:7-alpine
readonly DISK=/dev/disk/by-id/google-hexz-data
readonly DATA=/mnt/disks/hexz
readonly SECRETS=/run/hexz # in memory
readonly USER_ID=10001     # of both containers

metadata() {
    curl --fail --silent --show-error --retry 5 --header 'Metadata-Flavor: Google' \
        "http://metadata.google.internal/computeMetadata/v1/$1"
}

# The value between the quotes of a JSON string: $1 is its key.
json_string() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# Prints the newest version of the secret $1. The token stays out of the list of processes.
secret() {
    local token
    token=$(metadata instance/service-accounts/default/token | json_string access_token)
    curl --fail --silent --show-error --retry 5 \
        --header @<(printf 'Authorization: Bearer %s\n' "$token") \
        "https://secretmanager.googleapis.com/v1/projects/$PROJECT/secrets/$1/versions/latest:access" |
        json_string data | base64 --decode
}

mount_data() {
    mkdir -p "$DATA"
    blkid "$DISK" || mkfs.ext4 -q "$DISK"
    mountpoint --quiet "$DATA" || mount -o discard "$DISK" "$DATA"
    chown "$USER_ID" "$DATA"
}

fetch_secrets() {
    local redis_url auth_token
    umask 077
    mkdir -p "$SECRETS/redis" "$SECRETS/server"
    secret hexz-redis-conf >"$SECRETS/redis/redis.conf"
    secret hexz-redis-tls >"$SECRETS/redis/tls.pem"
    secret hexz-redis-ca >"$SECRETS/server/ca.pem"
    redis_url=$(secret hexz-redis-url-server)
    auth_token=$(secret hexz-auth-token)
    {
        metadata instance/attributes/hexz-env
        printf '\nHEXZ_REDIS_URL=%s\nHEXZ_AUTH_TOKEN=%s\n' "$redis_url" "$auth_token"
    } >"$SECRETS/server.env"
    chown -R "$USER_ID" "$SECRETS/redis" "$SECRETS/server"
}

# Without an answer of the registry, the image of the last boot is as good.
pull() { docker pull --quiet "$1" || echo "cannot pull $1"; }

# Starts the container $1 anew; a container that fails is started again by Docker, and after a boot
# by this script.
start() {
    local name=$1
    shift
    docker rm --force "$name" 2>/dev/null || true
    docker run --detach --name "$name" --user "$USER_ID" --restart on-failure --stop-timeout 30 \
        --log-driver gcplogs "$@"
}

PROJECT=$(metadata project/project-id)
IMAGE=$(metadata instance/attributes/hexz-image)
readonly PROJECT IMAGE
export HOME=/var/lib/hexz # the home of root is read-only
mkdir -p "$HOME"
docker-credential-gcr configure-docker --registries "${IMAGE%%/*}"
mount_data
fetch_secrets
pull "$REDIS_IMAGE"
pull "$IMAGE"
start redis --publish 6379:6379 --volume "$SECRETS/redis:/secrets:ro" \
    "$REDIS_IMAGE" redis-server /secrets/redis.conf
start server --publish 8080:8080 --volume "$DATA:/data" \
    --volume "$SECRETS/server:/secrets/redis:ro" --env-file "$SECRETS/server.env" "$IMAGE"
