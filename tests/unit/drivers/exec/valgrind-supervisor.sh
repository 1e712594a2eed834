#!/bin/sh
# The supervisor under valgrind; what valgrind finds is left in the run's directory, where the test
# looks at its end. The environment is empty, so the program is found from the test that started this.
here=$(readlink /proc/$PPID/exe)
exec valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite \
    --log-file="$1/valgrind.%p" "${here%/tests/bin/*}/bin/rbk-supervisor" "$@"
