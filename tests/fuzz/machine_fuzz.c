/*
 * Reading machines from arbitrary bytes. Each input is read as it is, and again with its hash put
 * right, so that what stands behind the hash is reached. A machine that is accepted must pass its
 * check, write back as the same bytes, and let everything that walks it run: every expression, a
 * state, the watch, the exploration, the pictures, and the model for Spin.
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/machine_text.h"
#include "runtime/core/watch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)256 << 20)
#define TEXT_BYTES_MAX ((size_t)8 << 20)
#define HASH_KEY "\"integrity\":\""

static void walk(const struct rbk_machine *machine, struct rbk_arena *arena)
{
    struct rbk_scope scope = {.machine = machine};
    for (uint32_t i = 0; i < machine->expr_count; i++) {
        struct rbk_value value;
        struct rbk_error error = {0};
        int result = rbk_expr_evaluate(&scope, i, arena, &value, &error);
        RBK_ASSERT(result != -RBK_EMACHINE);
    }
    struct rbk_state *state = rbk_arena_try_alloc(arena, rbk_state_bytes(machine), 8);
    struct rbk_watch *watch = rbk_watch_new(machine);
    struct rbk_watch_change *changes =
        calloc((size_t)machine->trigger_count + machine->criterion_count + 1, sizeof(*changes));
    if (state && watch && changes) {
        rbk_state_init(machine, state);
        (void)rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 1, changes);
        for (uint32_t i = 0; i < machine->probe_count; i++) {
            rbk_watch_feed(watch, i, rbk_value_text(RBK_TYPE_SCALAR, RBK_STR("1")), 2);
            (void)rbk_watch_evaluate(watch, state, NULL, i, 2, changes);
        }
        for (uint32_t i = 0; i < machine->window_count; i++) {
            (void)rbk_watch_window(watch, i, 3);
        }
    }
    free(changes);
    rbk_watch_free(watch);
}

static void read_text(const char *text, size_t bytes)
{
    struct rbk_arena arena;
    struct rbk_buffer again;
    struct rbk_error error = {0};
    const struct rbk_machine *machine = NULL;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_buffer_init(&again, TEXT_BYTES_MAX);
    if (rbk_machine_read(&arena, (struct rbk_str){text, bytes}, &machine, &error) == 0) {
        struct rbk_machine copy = *machine;
        RBK_ASSERT(rbk_machine_write(&copy, &again, &error) == 0);
        RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&again), (struct rbk_str){text, bytes}));
        walk(machine, &arena);
        fuzz_check_exploration(machine, FUZZ_FROM_BYTES);
        fuzz_check_pictures(machine, FUZZ_FROM_BYTES);
    }
    rbk_buffer_fini(&again);
    rbk_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > TEXT_BYTES_MAX) {
        return 0;
    }
    read_text((const char *)data, bytes);
    char *text = malloc(bytes + 1);
    if (!text) {
        return 0;
    }
    if (bytes > 0) {
        (void)memcpy(text, data, bytes);
    }
    const char *key = memmem(text, bytes, HASH_KEY, strlen(HASH_KEY));
    size_t at = key ? (size_t)(key - text) + strlen(HASH_KEY) : bytes;
    if (bytes - at >= RBK_MACHINE_HASH_DIGITS) {
        char hash[RBK_SHA256_HEX_BYTES];
        rbk_machine_hash_text((struct rbk_str){text, bytes}, at, hash);
        (void)memcpy(text + at, hash, RBK_MACHINE_HASH_DIGITS);
        read_text(text, bytes);
    }
    free(text);
    return 0;
}
