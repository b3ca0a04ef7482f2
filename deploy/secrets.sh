#!/bin/bash
# Makes all secrets of a fleet and stores them in Secret Manager: `deploy/secrets.sh SERVER_IP`,
# with the internal address of the train server. Run again, it replaces all of them; then start
# the server and the workers again.
set -euo pipefail
umask 077

readonly SERVER_IP=${1:?usage: deploy/secrets.sh SERVER_IP}
DIRECTORY=$(mktemp -d)
readonly DIRECTORY
trap 'rm -rf "$DIRECTORY"' EXIT

# shellcheck source=redis-users.sh
. "$(dirname "${BASH_SOURCE[0]}")/redis-users.sh"

# Stores standard input as the newest version of the secret $1.
store() {
    gcloud secrets describe "$1" >/dev/null 2>&1 ||
        gcloud secrets create "$1" --replication-policy automatic
    gcloud secrets versions add "$1" --data-file -
}

random() { openssl rand -hex 32; }

# Of the user $1 with the password $2; /secrets/redis/ca.pem is the secret hexz-redis-ca.
redis_url() { printf 'rediss://%s:%s@%s:6379?ssl_ca_certs=/secrets/redis/ca.pem' "$1" "$2" "$SERVER_IP"; }

redis_conf() {
    cat <<END
port 0
tls-port 6379
tls-cert-file /secrets/tls.pem
tls-key-file /secrets/tls.pem
tls-auth-clients no
END
    redis_users "$1" "$2"
}

server_password=$(random)
worker_password=$(random)
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=hexz-redis \
    -addext "subjectAltName=IP:$SERVER_IP" -addext keyUsage=critical,digitalSignature,keyCertSign \
    -keyout "$DIRECTORY/key.pem" -out "$DIRECTORY/ca.pem"

random | tr -d '\n' | store hexz-auth-token
redis_conf "$server_password" "$worker_password" | store hexz-redis-conf
cat "$DIRECTORY/ca.pem" "$DIRECTORY/key.pem" | store hexz-redis-tls
store hexz-redis-ca <"$DIRECTORY/ca.pem"
redis_url server "$server_password" | store hexz-redis-url-server
redis_url worker "$worker_password" | store hexz-redis-url-worker
