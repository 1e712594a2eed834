/*
 * The end of a process whose own code is wrong: say where, then abort, so that a core dump or a
 * debugger shows the stack. Nothing is cleaned up; what was committed is all that counts.
 */
#include "runtime/core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void rbk_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    (void)fprintf(stderr, "rbk: internal error: %s, in %s at %s:%d\n", condition, function, file,
                  line);
    abort();
}
