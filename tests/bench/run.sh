#!/usr/bin/env bash
# `./dev bench [NAME...]`: builds are made by ./dev; here floors and product are measured in turn.
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/bench.py" "${RBK_BIN:-build/bin}" "${RBK_TEST_BIN:-build/release/tests/bin}" "$@"
