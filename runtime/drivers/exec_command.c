/*
 * START from a request. Texts are gathered in one scratch block of NUL-terminated strings, since
 * the message wants C strings and a request has counted ones.
 */
#include "runtime/drivers/exec_command.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/exec_protocol.h"
#include "runtime/drivers/exec_result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a command gets of the runner's own environment. */
static const char *const inherited[] = {"PATH", "HOME", "LANG"};

/* Lists of texts under construction. The texts follow each other in `bytes`; pointers into it are
 * made when it does not move any more. */
struct texts {
    struct rbk_buffer bytes;
    size_t *offsets;
    size_t count;
};

static int texts_init(struct texts *texts, size_t room)
{
    rbk_buffer_init(&texts->bytes, RBK_EXEC_FRAME_BYTES_MAX);
    texts->count = 0;
    texts->offsets = calloc(room + 1, sizeof *texts->offsets);
    return texts->offsets ? 0 : -RBK_ENOMEM;
}

static void texts_fini(struct texts *texts)
{
    if (texts->bytes.capacity) {
        explicit_bzero(texts->bytes.data, texts->bytes.capacity);
    }
    rbk_buffer_fini(&texts->bytes);
    free(texts->offsets);
}

/* Adds `name` + `between` + `value` as one text. */
static void texts_add(struct texts *texts, struct rbk_str name, const char *between,
                      struct rbk_str value)
{
    texts->offsets[texts->count++] = texts->bytes.bytes;
    rbk_buffer_append_str(&texts->bytes, name);
    rbk_buffer_append_text(&texts->bytes, between);
    rbk_buffer_append_str(&texts->bytes, value);
    rbk_buffer_append_byte(&texts->bytes, '\0');
}

/* The list of what was added; borrowed from `texts`, its array the caller's to free. */
static int texts_list(const struct texts *texts, struct rbk_exec_list *ret_list)
{
    if (texts->bytes.error) {
        return texts->bytes.error;
    }
    ret_list->items = calloc(texts->count + 1, sizeof *ret_list->items);
    if (!ret_list->items) {
        return -RBK_ENOMEM;
    }
    for (size_t index = 0; index < texts->count; index++) {
        ret_list->items[index] = texts->bytes.data + texts->offsets[index];
    }
    ret_list->count = texts->count;
    return 0;
}

static bool has_nul(struct rbk_str text)
{
    return text.bytes && memchr(text.data, '\0', text.bytes);
}

static int add_words(struct texts *texts, const struct rbk_str *words, size_t count,
                     struct rbk_buffer *why)
{
    for (size_t index = 0; index < count; index++) {
        if (has_nul(words[index])) {
            rbk_buffer_printf(why, "word %zu of the command holds a NUL byte", index + 1);
            return -RBK_EINVALID;
        }
        texts_add(texts, words[index], "", RBK_STR(""));
    }
    return 0;
}

static bool is_ours(struct rbk_str name)
{
    return rbk_str_is(name, "RBK_RUN") || rbk_str_is(name, "RBK_STEP") ||
           rbk_str_is(name, "RBK_KEY");
}

/* Whether a later pair of the request sets the same name. */
static bool is_set(const struct rbk_request *request, size_t from, struct rbk_str name)
{
    for (size_t index = from; index < request->environment_count; index++) {
        if (rbk_str_equal(request->environment[index].name, name)) {
            return true;
        }
    }
    return false;
}

static int add_environment(struct texts *texts, const struct rbk_request *request,
                           struct rbk_buffer *why)
{
    for (size_t index = 0; index < RBK_COUNT(inherited); index++) {
        struct rbk_str name = rbk_str_from(inherited[index]);
        const char *value = getenv(inherited[index]);
        if (value && !is_set(request, 0, name)) {
            texts_add(texts, name, "=", rbk_str_from(value));
        }
    }
    for (size_t index = 0; index < request->environment_count; index++) {
        const struct rbk_pair *pair = &request->environment[index];
        if (pair->name.bytes == 0 || has_nul(pair->name) ||
            rbk_str_find(pair->name, '=') != pair->name.bytes) {
            rbk_buffer_append_text(why, "the name of an environment variable is empty or has \"=\" "
                                        "or NUL in it");
            return -RBK_EINVALID;
        }
        if (has_nul(pair->value)) {
            rbk_buffer_append_text(why, "the environment variable ");
            rbk_exec_append_harmless(why, rbk_str_slice(pair->name, 0, 128));
            rbk_buffer_append_text(why, " holds a NUL byte");
            return -RBK_EINVALID;
        }
        if (!is_ours(pair->name) && !is_set(request, index + 1, pair->name)) {
            texts_add(texts, pair->name, "=", pair->value);
        }
    }
    texts_add(texts, RBK_STR("RBK_RUN"), "=", rbk_str_from(request->run));
    texts_add(texts, RBK_STR("RBK_STEP"), "=", rbk_str_from(request->step));
    texts_add(texts, RBK_STR("RBK_KEY"), "=", rbk_str_from(request->key));
    return 0;
}

static int set_directory(struct rbk_buffer *directory, const struct rbk_request *request,
                         const char *plan_directory, struct rbk_buffer *why)
{
    rbk_buffer_init(directory, RBK_PATH_BYTES_MAX);
    if (!rbk_str_starts(request->directory, RBK_STR("/"))) {
        rbk_buffer_append_text(directory, plan_directory);
    }
    if (request->directory.bytes) {
        if (directory->bytes) {
            rbk_buffer_append_byte(directory, '/');
        }
        rbk_buffer_append_str(directory, request->directory);
    }
    if (directory->error != -RBK_ELIMIT && !has_nul(rbk_buffer_str(directory))) {
        return directory->error;
    }
    rbk_buffer_append_text(why, "the directory of the command is too long or holds a NUL byte");
    return -RBK_EINVALID;
}

int rbk_exec_command_write(struct rbk_buffer *out, uint64_t ticket,
                           const struct rbk_request *request, const char *plan_directory,
                           struct rbk_buffer *why)
{
    bool reading = rbk_exec_is_reading(request);
    struct rbk_exec_start start = {
        .ticket = ticket,
        .serial = request->serial,
        .attempt = request->attempt,
        .reading = reading,
        .timeout_ms = request->timeout_ms,
        .grace_ms = RBK_EXEC_GRACE_MS,
        .cancel_timeout_ms = RBK_EXEC_CANCEL_MS,
        .output_bytes_max = reading ? rbk_exec_value_bytes(request) : RBK_OUTPUT_BYTES_MAX,
        .key = rbk_str_from(request->key),
        .step = rbk_str_from(request->step),
        .has_input = request->has_input,
        .input = request->input,
        .secrets = (struct rbk_str *)(uintptr_t)request->secrets, /* only read */
        .secret_count = request->secret_count,
        .expect = (int64_t *)(uintptr_t)request->expect, /* only read */
        .expect_count = request->expect_count,
    };
    struct rbk_buffer directory;
    struct texts words, cancel_words, environment;
    int failed = texts_init(&words, request->word_count);
    int also = texts_init(&cancel_words, request->cancel_word_count);
    failed = also ? also : failed;
    also = texts_init(&environment, request->environment_count + RBK_COUNT(inherited) + 3);
    failed = also ? also : failed;
    int result = set_directory(&directory, request, plan_directory, why);
    if (failed) {
        result = failed;
    }
    if (result == 0 && (request->word_count == 0 || request->words[0].bytes == 0)) {
        rbk_buffer_append_text(why, "the command is empty");
        result = -RBK_EINVALID;
    }
    if (result == 0) {
        result = add_words(&words, request->words, request->word_count, why);
    }
    if (result == 0) {
        result = add_words(&cancel_words, request->cancel_words, request->cancel_word_count, why);
    }
    if (result == 0) {
        result = add_environment(&environment, request, why);
    }
    if (result == 0) {
        result = texts_list(&words, &start.words);
    }
    if (result == 0) {
        result = texts_list(&cancel_words, &start.cancel_words);
    }
    if (result == 0) {
        result = texts_list(&environment, &start.environment);
    }
    if (result == 0) {
        start.directory = rbk_buffer_str(&directory);
        rbk_exec_write_start(out, &start);
        result = out->error;
    }
    free(start.words.items);
    free(start.cancel_words.items);
    free(start.environment.items);
    texts_fini(&words);
    texts_fini(&cancel_words);
    texts_fini(&environment);
    rbk_buffer_fini(&directory);
    return result;
}
