/* Reading secrets. Done before the loop runs, so plain blocking calls with a deadline are fine. */
#include "runtime/executor/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

/* For each part of a file or of a command's output to come. */
#define READ_TIMEOUT_MS 30000
#define COMMAND_WORDS_MAX 256

struct rbk_secrets {
    struct rbk_str *values; /* owned; point into `memory` */
    uint32_t count;
    char *memory; /* owned, locked */
    size_t memory_bytes, used_bytes;
    struct rbk_redactor *redactor; /* owned */
};

struct rbk_str rbk_secrets_get(const struct rbk_secrets *secrets, uint32_t index)
{
    return secrets->values[index];
}

const struct rbk_str *rbk_secrets_all(const struct rbk_secrets *secrets)
{
    return secrets->values;
}

struct rbk_str rbk_secrets_redact(const struct rbk_secrets *secrets, struct rbk_arena *arena,
                                  struct rbk_str text)
{
    struct rbk_buffer clean;
    struct rbk_str result;

    if (text.bytes == 0) {
        return text;
    }
    if (secrets == NULL || secrets->count == 0) {
        return rbk_arena_copy(arena, text);
    }
    rbk_buffer_init(&clean, text.bytes * 4 + 64);
    rbk_redact(secrets->redactor, text, &clean);
    result = rbk_arena_copy(arena, rbk_buffer_str(&clean));
    rbk_buffer_fini(&clean);
    return result;
}

static int make_room(struct rbk_secrets *secrets, uint32_t count, struct rbk_error *reterr)
{
    secrets->memory_bytes = (size_t)count * (RBK_SECRET_BYTES_MAX + 1) + 1;
    secrets->memory = mmap(NULL, secrets->memory_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (secrets->memory == MAP_FAILED) {
        secrets->memory = NULL;
        return rbk_error_set_system(reterr, RBK_ENOMEM, errno, "no memory for secrets");
    }
    (void)madvise(secrets->memory, secrets->memory_bytes, MADV_DONTDUMP);
    return 0;
}

/* Keep a value. Only what is used is locked: the limit on locked memory is small for ordinary
 * users, and a value that cannot be locked is still kept out of dumps. */
static void keep(struct rbk_secrets *secrets, uint32_t index, const char *data, size_t bytes)
{
    char *place = secrets->memory + secrets->used_bytes;

    RBK_ASSERT(secrets->memory != NULL);
    (void)mlock(place, bytes + 1);
    if (bytes != 0) {
        memcpy(place, data, bytes);
    }
    place[bytes] = '\0';
    secrets->used_bytes += bytes + 1;
    secrets->values[index] = (struct rbk_str){place, bytes};
}

/* Read a descriptor to its end, at most `bytes_max`; returns the bytes, or -1 with errno. */
static ssize_t read_all(int descriptor, char *data, size_t bytes_max, int timeout_ms)
{
    size_t bytes = 0;

    for (;;) {
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        ssize_t got;

        if (poll(&wait, 1, timeout_ms) == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        got = read(descriptor, data + bytes, bytes_max - bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            return (ssize_t)bytes;
        }
        bytes += (size_t)got;
        if (bytes == bytes_max) {
            errno = EFBIG;
            return -1;
        }
    }
}

static ssize_t read_file(const char *path, const char *directory, char *data, size_t bytes_max)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int descriptor =
        openat(folder >= 0 ? folder : AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t bytes = -1;
    int saved;

    if (descriptor >= 0) {
        bytes = read_all(descriptor, data, bytes_max, READ_TIMEOUT_MS);
        saved = errno;
        close(descriptor);
        errno = saved;
    }
    if (folder >= 0) {
        saved = errno;
        close(folder);
        errno = saved;
    }
    return bytes;
}

/* Cut a command line by blanks and quotes, in place; returns the number of words, 0 when
 * unbalanced. */
static size_t cut_words(char *line, char **words, size_t words_max)
{
    size_t count = 0;
    char *from = line, *to = line;

    while (*from != '\0') {
        char quote = '\0';

        while (*from == ' ' || *from == '\t' || *from == '\n') {
            from++;
        }
        if (*from == '\0') {
            break;
        }
        if (count + 1 == words_max) {
            return 0;
        }
        words[count++] = to;
        for (; *from != '\0' && (quote != '\0' || (*from != ' ' && *from != '\t' && *from != '\n'));
             from++) {
            if (quote != '\0' ? *from == quote : *from == '\'' || *from == '"') {
                quote = quote != '\0' ? '\0' : *from;
            } else if (*from == '\\' && quote != '\'' && from[1] != '\0') {
                *to++ = *++from;
            } else {
                *to++ = *from;
            }
        }
        if (quote != '\0') {
            return 0;
        }
        if (*from != '\0') {
            from++;
        }
        *to++ = '\0';
    }
    words[count] = NULL;
    return count;
}

/* The end of a command that has closed its output: one that goes on all the same is ended. Its wait
 * status, or -1 with errno. */
static int await_end(pid_t child)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int status = -1;

    for (int waited_ms = 0; waited_ms < READ_TIMEOUT_MS; waited_ms += 5) {
        pid_t ended = waitpid(child, &status, WNOHANG);

        if (ended == child) {
            return status;
        }
        if (ended < 0 && errno != EINTR) {
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        ;
    }
    errno = ETIMEDOUT;
    return -1;
}

static ssize_t read_command(const char *command, char *data, size_t bytes_max)
{
    char *words[COMMAND_WORDS_MAX], *line = strdup(command);
    int ends[2], status = -1;
    posix_spawn_file_actions_t actions;
    ssize_t bytes = -1;
    pid_t child;

    if (line == NULL || cut_words(line, words, COMMAND_WORDS_MAX) == 0 ||
        pipe2(ends, O_CLOEXEC) != 0) {
        free(line);
        errno = EINVAL;
        return -1;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    errno = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (errno == 0) {
        bytes = read_all(ends[0], data, bytes_max, READ_TIMEOUT_MS);
        if (bytes < 0) {
            int saved = errno;

            kill(child, SIGKILL);
            (void)await_end(child);
            errno = saved;
        } else if ((status = await_end(child)) != 0) {
            bytes = -1;
            /* No reason of the system's: the command itself said no. */
            errno = status > 0 ? 0 : errno;
        }
    }
    close(ends[0]);
    free(line);
    return bytes;
}

static int load_one(struct rbk_secrets *secrets, const struct rbk_machine *machine, uint32_t index,
                    const struct rbk_scope *scope, const char *directory, struct rbk_error *reterr)
{
    const struct rbk_secret *secret = &machine->secrets[index];
    struct rbk_arena arena;
    struct rbk_value value;
    const char *text, *from;
    char *data = malloc(RBK_SECRET_BYTES_MAX + 2);
    ssize_t bytes = -1;
    int error;

    rbk_arena_init(&arena, (size_t)1 << 20);
    if (data == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto out;
    }
    if ((error = rbk_expr_evaluate(scope, secret->text, &arena, &value, reterr)) != 0) {
        goto out;
    }
    text = value.missing ? "" : rbk_arena_copy(&arena, value.as.text).data;
    errno = 0;
    switch (secret->source) {
    case RBK_SECRET_ENV:
        from = getenv(text);
        if (from != NULL && strlen(from) <= RBK_SECRET_BYTES_MAX) {
            bytes = (ssize_t)strlen(from);
            memcpy(data, from, (size_t)bytes);
        } else {
            errno = from == NULL ? ENOENT : EFBIG;
        }
        break;
    case RBK_SECRET_FILE:
        bytes = read_file(text, directory, data, RBK_SECRET_BYTES_MAX + 1);
        break;
    default:
        bytes = read_command(text, data, RBK_SECRET_BYTES_MAX + 1);
        break;
    }
    if (bytes < 0 && errno == 0) {
        error = rbk_error_set(reterr, RBK_EUSAGE,
                              "secret `%.*s` cannot be read: its command failed: %s",
                              RBK_STR_ARG(secret->name), text);
        goto out;
    }
    if (bytes < 0) {
        error = rbk_error_set_system(
            reterr, RBK_EUSAGE, errno, "secret `%.*s` cannot be read from %s %s",
            RBK_STR_ARG(secret->name), rbk_secret_source_name(secret->source), text);
        goto out;
    }
    /* Files and commands end in a line end that belongs to the file, not to the secret. */
    while (bytes > 0 && secret->source != RBK_SECRET_ENV &&
           (data[bytes - 1] == '\n' || data[bytes - 1] == '\r')) {
        bytes--;
    }
    keep(secrets, index, data, (size_t)bytes);
    if (rbk_redactor_add(secrets->redactor, secrets->values[index]) != 0) {
        error =
            rbk_error_set(reterr, RBK_EUSAGE,
                          "secret `%.*s` from %s %s is shorter than 4 bytes: it could not be kept "
                          "out of logs",
                          RBK_STR_ARG(secret->name), rbk_secret_source_name(secret->source), text);
    }
out:
    if (data != NULL) {
        explicit_bzero(data, RBK_SECRET_BYTES_MAX + 2);
    }
    free(data);
    rbk_arena_fini(&arena);
    return error;
}

int rbk_secrets_load(const struct rbk_machine *machine, const struct rbk_value *params,
                     const char *directory, struct rbk_secrets **ret_secrets,
                     struct rbk_error *reterr)
{
    const struct rbk_scope scope = {.machine = machine, .params = params};
    struct rbk_secrets *secrets = calloc(1, sizeof(*secrets));
    int error;

    if (secrets == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    secrets->count = machine->secret_count;
    secrets->values = calloc((size_t)machine->secret_count + 1u, sizeof(*secrets->values));
    secrets->redactor = rbk_redactor_new();
    if (secrets->values == NULL || secrets->redactor == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    if ((error = make_room(secrets, secrets->count, reterr)) != 0) {
        goto fail;
    }
    for (uint32_t i = 0; i < secrets->count; i++) {
        if ((error = load_one(secrets, machine, i, &scope, directory, reterr)) != 0) {
            goto fail;
        }
    }
    *ret_secrets = secrets;
    return 0;

fail:
    rbk_secrets_free(secrets);
    return error;
}

void rbk_secrets_free(struct rbk_secrets *secrets)
{
    if (secrets == NULL) {
        return;
    }
    if (secrets->memory != NULL) {
        explicit_bzero(secrets->memory, secrets->used_bytes);
        munmap(secrets->memory, secrets->memory_bytes);
    }
    rbk_redactor_free(secrets->redactor);
    free(secrets->values);
    free(secrets);
}
