/*
 * See plan.h.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char shape[] = "%.*s\nplan small {\n"
                            "    %s\n"
                            "    stage only {\n"
                            "        unwatched because \"a test\"\n"
                            "        apply within 10m { %s\n }\n"
                            "        verify within 1m { check \"there\" file.exists(\"made\") }\n"
                            "        rollback within 1m {\n"
                            "            run \"rm -f made\" idempotent\n"
                            "            verify { check \"gone\" not file.exists(\"made\") }\n"
                            "        }\n"
                            "    }\n"
                            "}\n";

void plan_write(const struct plan *plan, const char *name, const char *data, size_t bytes)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", plan->folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
    ck_assert_int_eq(fclose(file), 0);
}

void plan_open(struct plan *plan, const char *head, const char *apply)
{
    struct rbk_error error = {0};
    char *text, path[256];
    memset(plan, 0, sizeof(*plan));
    snprintf(plan->folder, sizeof(plan->folder), "/tmp/rbk-plan-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(plan->folder));
    int use_bytes = strncmp(head, "use ", 4) == 0 ? (int)strcspn(head, "\n") : 0;
    ck_assert_int_gt(asprintf(&text, shape, use_bytes, head, head + use_bytes, apply), 0);
    plan_write(plan, "small.rbk", text, strlen(text));
    free(text);
    snprintf(path, sizeof(path), "%s/small.rbk", plan->folder);
    ck_assert_msg(rbk_plan_file_load(path, NULL, &plan->file, &error) == 0, "%s", error.text);
    plan->machine = plan->file.machine;
    rbk_arena_init(&plan->arena, (size_t)64 << 20);
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

void plan_close(struct plan *plan)
{
    rbk_arena_fini(&plan->arena);
    rbk_plan_file_fini(&plan->file);
    ck_assert_int_eq(nftw(plan->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const struct rbk_effect *plan_effect(const struct plan *plan, enum rbk_effect_kind kind)
{
    for (uint32_t i = 0; i < plan->machine->effect_count; i++) {
        if (plan->machine->effects[i].kind == kind) {
            return &plan->machine->effects[i];
        }
    }
    ck_abort_msg("the plan has no such effect");
}
