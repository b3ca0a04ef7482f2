#!/bin/bash
# Makes the secrets of a fleet in Kubernetes, in base/secrets, from which base/kustomization.yaml
# takes them. Run again, it replaces all of them.
set -euo pipefail
umask 077

# shellcheck source=../redis-users.sh
. "$(dirname "${BASH_SOURCE[0]}")/../redis-users.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/base"

random() { openssl rand -hex 32; }

# The environment of the Redis user $1 with the password $2.
environment() {
    printf 'HEXZ_AUTH_TOKEN=%s\nHEXZ_REDIS_URL=redis://%s:%s@redis:6379\n' "$token" "$1" "$2"
}

mkdir -p secrets
token=$(random)
server_password=$(random)
worker_password=$(random)
environment server "$server_password" >secrets/server.env
environment worker "$worker_password" >secrets/worker.env
{
    echo "dir /tmp"
    redis_users "$server_password" "$worker_password"
} >secrets/redis.conf
