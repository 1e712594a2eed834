/* See golden.h. */
#include "tests/unit/core/step/golden.h"

#include "runtime/core/base/error.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MACHINE_BYTES_MAX ((size_t)4 << 20)

const char *const golden_names[GOLDEN_COUNT] = {"life", "actions", "backup", "branches_and_loops",
                                                "by_hand"};

const struct rbk_machine *golden_load(struct rbk_arena *arena, const char *name)
{
    const char *sources = getenv("RBK_SOURCE");
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/machine/%s.machine", sources ? sources : ".",
             name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file, "%s: not there", path);
    char *bytes = rbk_arena_alloc(arena, MACHINE_BYTES_MAX, 8);
    size_t count = fread(bytes, 1, MACHINE_BYTES_MAX, file);
    fclose(file);
    const struct rbk_machine *machine = NULL;
    struct rbk_error error = {0};
    int rc = rbk_machine_read(arena, (struct rbk_str){bytes, count}, &machine, &error);
    ck_assert_msg(rc == 0, "%s: %s", path, error.text);
    return machine;
}
