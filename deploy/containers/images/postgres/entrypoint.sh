#!/bin/bash
# Makes a database in an empty volume and runs the scripts of /docker-entrypoint-initdb.d over its socket, as the
# official image does; then starts the server.
set -euo pipefail
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?is not set}"
	user=${POSTGRES_USER:-postgres}
	eval "initdb --username=\"$user\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") ${POSTGRES_INITDB_ARGS:-}"
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	pg_ctl --options="$(printf '%q ' "${@:2}" -c listen_addresses=)" --wait start
	for script in /docker-entrypoint-initdb.d/*; do
		case $script in
		*.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
		*.sql) psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$user" --file="$script" ;;
		esac
	done
	pg_ctl --mode=fast --wait stop
fi
exec "$@"
