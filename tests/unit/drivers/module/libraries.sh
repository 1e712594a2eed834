#!/usr/bin/env bash
# libraries.sh BIN: fails when a start of rbk loads the large libraries that only some runs need, or when
# a driver's file does not bring its own, or shows more than the one name it is loaded for.
set -euo pipefail

bin=$1
status=0

complain() {
    echo "$*"
    status=1
}

loads() { ldd "$1" | grep -oE '^[[:space:]]*[^[:space:]]+' | tr -d '[:blank:]'; }

for library in libcurl libpq libmicrohttpd libgnutls libldap libjq; do
    if found=$(loads "$bin/rbk" | grep "^$library"); then
        complain "rbk loads $found at every start"
    fi
done

own() {
    grep -q "^$2" <<<"$(loads "$bin/$1")" || complain "$1 does not bring $2"
}
own rbk-driver-http.so libcurl
own rbk-driver-postgres.so libpq
own rbk-serve libmicrohttpd

for module in rbk-driver-http.so rbk-driver-postgres.so; do
    shown=$(nm --dynamic --defined-only --format=posix "$bin/$module" | awk '{ print $1 }' | grep -v '^__' || true)
    [ "$shown" = rbk_driver_module ] || complain "$module shows: ${shown//$'\n'/ }"
done
exit "$status"
