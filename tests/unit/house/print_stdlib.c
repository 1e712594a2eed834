/*
 * Prints the directory of the standard library, for stdlib_path_test.sh.
 */
#include "compiler/stdlib_path.h"
#include "runtime/core/base/arena.h"

#include <stdio.h>

int main(void)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, 1 << 20);
    int written = puts(rbk_stdlib_directory(&arena).data);
    rbk_arena_fini(&arena);
    return written < 0;
}
