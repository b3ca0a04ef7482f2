# shellcheck shell=bash
# The users of Redis, for the scripts beside this one to source: `redis_users SERVER WORKER` prints
# the lines of redis.conf for these passwords. Workers may read models and nothing else.
redis_users() {
    cat <<END
save ""
user default off
user server on >$1 resetchannels ~hexz:flagz:* &hexz:flagz:* +hello +ping +multi +exec +getrange +set +strlen +del +lrange +rpush +publish
user worker on >$2 resetchannels %R~hexz:flagz:* &hexz:flagz:* +hello +ping +getrange +strlen +subscribe
END
}
