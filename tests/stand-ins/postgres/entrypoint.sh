#!/bin/sh
# Starts as root, gives the volume to the database's user, becomes that user, and makes the database where there is none, as the
# public image does.
set -eu
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  find "$PGDATA" ! -user postgres -exec chown postgres {} +
  chmod 700 "$PGDATA"
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  password=${POSTGRES_PASSWORD:-}
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
  [ -n "$password" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }
  kept=$(mktemp)
  printf '%s\n' "$password" >"$kept"
  initdb --username "$user" --pwfile "$kept" --auth-local trust --auth-host scram-sha-256 >/dev/null
  rm "$kept"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # By the socket only: nobody is let in before the database is there.
  pg_ctl -o "-c listen_addresses=''" --wait start >/dev/null
  [ "${POSTGRES_DB:-$user}" = postgres ] || createdb --username "$user" --maintenance-db postgres "${POSTGRES_DB:-$user}"
  pg_ctl --mode fast --wait stop >/dev/null
fi
exec "$@"
