/*
 * libjq 1.6 aborts the process on `import` unless JQ_LIBRARY_PATH is an array and JQ_ORIGIN a
 * string, and with them it still frees memory twice for `import … as $name`. So a filter that
 * begins with a module directive, the only place for one, is refused before libjq sees it; no
 * folder to look in, and no descriptor left to open a file with (main.c), are the second fence.
 */
#include "runtime/drivers/filter_worker/program.h"

#include <jq.h>
#include <jv.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_COUNT 64
#define EXACT_MAX 9007199254740992.0 /* 2^53: up to here every integer has a double */

struct entry {
    char *program; /* NULL: free */
    jq_state *state;
    unsigned long used;
};

struct filter_cache {
    struct entry entries[CACHE_COUNT];
    unsigned long clock;
};

/* The first message of a compilation, its first line. */
struct complaint {
    char text[RBK_FILTER_MESSAGE_BYTES_MAX];
};

static void on_error(void *context, jv message)
{
    struct complaint *complaint = context;
    message = jq_format_error(message);
    if (!*complaint->text && jv_get_kind(message) == JV_KIND_STRING) {
        const char *text = jv_string_value(message);
        static const char prefix[] = "jq: error: ";
        text += strncmp(text, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
        (void)snprintf(complaint->text, sizeof(complaint->text), "%.*s", (int)strcspn(text, "\r\n"),
                       text);
    }
    jv_free(message);
}

struct filter_cache *filter_cache_new(void)
{
    struct filter_cache *cache = calloc(1, sizeof(*cache));
    if (!cache) {
        exit(EXIT_FAILURE);
    }
    return cache;
}

/* Whether the program begins with `module`, `import` or `include`. */
static bool has_directive(const char *program)
{
    static const char *const words[] = {"module", "import", "include"};
    for (;;) {
        program += strspn(program, " \t\r\n");
        if (*program != '#') {
            break;
        }
        program += strcspn(program, "\n");
    }
    size_t bytes =
        strspn(program, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes == strlen(words[i]) && strncmp(program, words[i], bytes) == 0) {
            return true;
        }
    }
    return false;
}

static jq_state *compile(const char *program, struct complaint *complaint)
{
    if (has_directive(program)) {
        (void)snprintf(complaint->text, sizeof(complaint->text),
                       "a filter has no modules to import or include");
        return NULL;
    }
    jq_state *state = jq_init();
    if (!state) {
        (void)snprintf(complaint->text, sizeof(complaint->text), "out of memory");
        return NULL;
    }
    jq_set_error_cb(state, on_error, complaint);
    jq_set_input_cb(state, NULL, NULL); /* jq_init() leaves these two unset, not empty */
    jq_set_debug_cb(state, NULL, NULL);
    jq_set_attr(state, jv_string("JQ_LIBRARY_PATH"), jv_array());
    jq_set_attr(state, jv_string("JQ_ORIGIN"), jv_string("/nowhere"));
    jq_set_attr(state, jv_string("PROGRAM_ORIGIN"), jv_string("/nowhere"));
    if (!jq_compile(state, program)) {
        jq_teardown(&state);
        return NULL;
    }
    jq_set_error_cb(state, NULL, NULL);
    return state;
}

/* The compiled program, from the cache or into it, in the place used least recently. */
static jq_state *find(struct filter_cache *cache, const char *program, struct complaint *complaint)
{
    struct entry *place = &cache->entries[0];
    cache->clock++;
    for (size_t i = 0; i < CACHE_COUNT; i++) {
        struct entry *entry = &cache->entries[i];
        if (entry->program && strcmp(entry->program, program) == 0) {
            entry->used = cache->clock;
            return entry->state;
        }
        if (entry->used < place->used) {
            place = entry;
        }
    }
    jq_state *state = compile(program, complaint);
    char *copy = state ? strdup(program) : NULL;
    if (!copy) {
        if (state) {
            jq_teardown(&state);
        }
        return NULL;
    }
    if (place->program) {
        free(place->program);
        jq_teardown(&place->state);
    }
    *place = (struct entry){.program = copy, .state = state, .used = cache->clock};
    return state;
}

static enum rbk_filter_reply_kind give(char **ret_text, size_t *ret_bytes, const char *text,
                                       size_t bytes, enum rbk_filter_reply_kind kind)
{
    if (bytes > RBK_FILTER_VALUE_BYTES_MAX) {
        text = "the filter's output is too large";
        bytes = strlen(text);
        kind = RBK_FILTER_FAILED;
    }
    char *copy = malloc(bytes + 1);
    if (!copy) {
        exit(EXIT_FAILURE);
    }
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    *ret_text = copy;
    *ret_bytes = bytes;
    return kind;
}

static enum rbk_filter_reply_kind fail(char **ret_text, size_t *ret_bytes, const char *text)
{
    return give(ret_text, ret_bytes, text, strnlen(text, RBK_FILTER_MESSAGE_BYTES_MAX),
                RBK_FILTER_FAILED);
}

/* An object, an array, or a number that is no exact integer, as jq prints it. Consumes. */
static enum rbk_filter_reply_kind give_json(jv value, char **ret_text, size_t *ret_bytes,
                                            enum rbk_filter_reply_kind kind)
{
    jv text = jv_dump_string(value, 0);
    kind = give(ret_text, ret_bytes, jv_string_value(text),
                (size_t)jv_string_length_bytes(jv_copy(text)), kind);
    jv_free(text);
    return kind;
}

static enum rbk_filter_reply_kind give_number(jv value, char **ret_text, size_t *ret_bytes)
{
    double number = jv_number_value(value);
    char digits[64];
    if (!isfinite(number)) {
        jv_free(value);
        return RBK_FILTER_MISSING;
    }
    if (number != trunc(number) || fabs(number) > EXACT_MAX) {
        return give_json(value, ret_text, ret_bytes, RBK_FILTER_SCALAR);
    }
    jv_free(value);
    (void)snprintf(digits, sizeof(digits), "%.0f", number == 0 ? 0.0 : number); /* no "-0" */
    return give(ret_text, ret_bytes, digits, strlen(digits), RBK_FILTER_SCALAR);
}

/* Consumes the value. */
static enum rbk_filter_reply_kind give_value(jv value, char **ret_text, size_t *ret_bytes)
{
    enum rbk_filter_reply_kind kind = RBK_FILTER_MISSING;
    switch (jv_get_kind(value)) {
    case JV_KIND_STRING:
        kind = give(ret_text, ret_bytes, jv_string_value(value),
                    (size_t)jv_string_length_bytes(jv_copy(value)), RBK_FILTER_SCALAR);
        break;
    case JV_KIND_TRUE:
    case JV_KIND_FALSE: {
        const char *word = jv_get_kind(value) == JV_KIND_TRUE ? "true" : "false";
        kind = give(ret_text, ret_bytes, word, strlen(word), RBK_FILTER_SCALAR);
        break;
    }
    case JV_KIND_NUMBER:
        return give_number(value, ret_text, ret_bytes);
    case JV_KIND_ARRAY:
    case JV_KIND_OBJECT:
        return give_json(value, ret_text, ret_bytes, RBK_FILTER_JSON);
    default:
        break;
    }
    jv_free(value);
    return kind;
}

/* The message of an error value: a string as it is, anything else as JSON. Consumes. */
static enum rbk_filter_reply_kind fail_with(jv message, const char *before, char **ret_text,
                                            size_t *ret_bytes)
{
    char text[RBK_FILTER_MESSAGE_BYTES_MAX];
    if (jv_get_kind(message) != JV_KIND_STRING) {
        message = jv_dump_string(message, 0);
    }
    (void)snprintf(text, sizeof(text), "%s%s", before, jv_string_value(message));
    jv_free(message);
    return fail(ret_text, ret_bytes, text);
}

static enum rbk_filter_reply_kind run(jq_state *state, jv document, char **ret_text,
                                      size_t *ret_bytes)
{
    jq_start(state, document, 0);
    jv value = jq_next(state);
    if (jv_is_valid(value)) {
        return give_value(value, ret_text, ret_bytes);
    }
    if (jq_halted(state)) {
        jv_free(value);
        return fail(ret_text, ret_bytes, "the filter halted");
    }
    if (!jv_invalid_has_msg(jv_copy(value))) {
        jv_free(value);
        return RBK_FILTER_MISSING; /* no output */
    }
    return fail_with(jv_invalid_get_msg(value), "", ret_text, ret_bytes);
}

enum rbk_filter_reply_kind filter_apply(struct filter_cache *cache, const char *program,
                                        const char *json, size_t json_bytes, char **ret_text,
                                        size_t *ret_bytes)
{
    struct complaint complaint = {.text = ""};
    *ret_text = NULL;
    *ret_bytes = 0;
    jq_state *state = find(cache, program, &complaint);
    if (!state) {
        return give(ret_text, ret_bytes, complaint.text, strlen(complaint.text),
                    RBK_FILTER_INVALID);
    }
    jv document = jv_parse_sized(json, (int)json_bytes);
    if (!jv_is_valid(document)) {
        if (!jv_invalid_has_msg(jv_copy(document))) {
            jv_free(document);
            return fail(ret_text, ret_bytes, "not JSON: there is nothing");
        }
        return fail_with(jv_invalid_get_msg(document), "not JSON: ", ret_text, ret_bytes);
    }
    return run(state, document, ret_text, ret_bytes);
}

bool filter_compiles(const char *program, char ret_message[RBK_FILTER_MESSAGE_BYTES_MAX])
{
    struct complaint complaint = {.text = ""};
    jq_state *state = compile(program, &complaint);
    bool compiles = state != NULL;
    memcpy(ret_message, complaint.text, sizeof(complaint.text));
    if (state) {
        jq_teardown(&state);
    }
    return compiles;
}
