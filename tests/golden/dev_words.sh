#!/bin/sh
# `./dev` looks at its words first: one that it does not know installs nothing and builds nothing.
#
#   dev_words.sh SOURCE
set -u
source=${1:?"say where the sources are"}
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" && cp "$source/dev" "$work/dev" || exit 3
for tool in apt-get sudo cmake ninja npm ctest pkg-config dpkg-query git; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "$0 $*" >>"%s/ran"\nexit 1\n' "$work" >"$work/bin/$tool"
    chmod 755 "$work/bin/$tool"
done
failed=0
refuse() {
    (cd "$work" && PATH="$work/bin:$PATH" ./dev "$@") >"$work/out" 2>&1
    status=$?
    if [ "$status" -ne 2 ] || [ -e "$work/ran" ] || ! grep -q '^usage: ./dev COMMAND' "$work/out"; then
        echo "FAIL ./dev $*: status $status"
        cat "$work/out"
        [ ! -e "$work/ran" ] || cat "$work/ran"
        rm -f "$work/ran"
        failed=1
    fi
}
refuse test --bogus
refuse test --quick more
refuse build nothing
refuse fuzz soon
refuse lint --fix
refuse demo more
refuse bogus
exit "$failed"
