#!/usr/bin/env bash
# `./dev demo`: a run that completes, one that rolls back, one that a trigger turns round; and what is
# in the database before and after each. Needs sqlite3 and the programs in the folder given.
#
# usage: examples/demo.sh [BIN_FOLDER]   (build/bin by default)
set -euo pipefail

bin=$(cd "${1:-build/bin}" && pwd)
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export RBK_STORE=$scratch/state/store.db

heading() { printf '\n== %s\n' "$*"; }

show() {
    printf -- '-- the database %s:\n' "$1"
    sqlite3 -box shop.db "$2"
}

# A dump without what is not the run's doing: receipts of its transactions, and the saboteur's mark.
plain() { grep -v rbk_receipt | sed "s/^\(INSERT INTO orders .*\),[01]);$/\1);/"; }

# run NAME EXPECTED_STATUS QUERY: copy the example, show, run, show.
run() {
    local name=$1 expected=$2 query=$3 status=0
    mkdir "$scratch/$name"
    cp -r "$examples/$name/." "$scratch/$name"
    cd "$scratch/$name"
    sqlite3 shop.db <"$examples/shop.sql"
    sqlite3 shop.db .dump >before.dump
    show before "$query"
    "$bin/rbkc" check plan.rbk
    printf '$ rbk run plan.rbk\n'
    "$bin/rbk" run plan.rbk || status=$?
    show after "$query"
    if [ "$status" -ne "$expected" ]; then
        printf 'demo: %s ended with status %s, expected %s\n' "$name" "$status" "$expected" >&2
        exit 1
    fi
    if [ "$expected" -eq 10 ]; then
        sqlite3 shop.db .dump | plain >after.dump
        plain <before.dump | cmp - after.dump
        printf 'A dump of the database is what it was before the run.\n'
    fi
}

heading "01: a migration that completes"
run 01-first-plan 0 "SELECT * FROM customers"

heading "02: a migration with a mistake in it, rolled back and verified"
run 02-it-rolls-back 10 "SELECT count(*) AS orders, sum(total) AS total, min(total) AS cheapest FROM orders"

heading "05: a switch that goes wrong; a trigger turns it round"
# What goes wrong: some seconds after the switch, orders begin to fail.
(
    for _ in $(seq 200); do
        [ -e "$scratch/05-a-trigger-fires/new-checkout" ] && break
        sleep 0.1
    done
    sqlite3 -cmd ".timeout 5000" "$scratch/05-a-trigger-fires/shop.db" \
        "UPDATE orders SET failed = 1 WHERE id % 2 = 0"
) &
saboteur=$!
run 05-a-trigger-fires 10 "SELECT name, email FROM customers LIMIT 2"
wait "$saboteur"

heading "every run is in the journal: rbk runs"
"$bin/rbk" runs
