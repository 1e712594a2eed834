/*
 * Sources: reading a file whole, its table of lines, and the check that its text is what it seems.
 *
 * The text is followed by two NUL bytes, so that a scanner may look one byte past any token. A file
 * may be at most RBK_SOURCE_BYTES_MAX long; that is found from its size, before anything is read,
 * and again while reading, because a size can lie (a pipe, a file that grows).
 */
#include "compiler/source.h"

#include "compiler/diagnostic.h"
#include "compiler/parse.h"
#include "compiler/script.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* First guess where the size is not known, and the least that is read at once. */
#define READ_BYTES_MIN ((size_t)64 << 10)

static void find_lines(struct rbk_arena *arena, struct rbk_source *source)
{
    const char *text = source->text.data;
    const char *end = text + source->text.bytes;
    uint32_t count = 1;
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        count++;
    }

    uint32_t *starts = rbk_new_array(arena, uint32_t, count);
    uint32_t line = 1;
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
        starts[line++] = (uint32_t)(++at - text);
    }
    source->line_starts = starts;
    source->line_count = count;
}

static struct rbk_source *make_source(struct rbk_arena *arena, struct rbk_str path, char *text,
                                      size_t bytes)
{
    struct rbk_source *source = rbk_new(arena, struct rbk_source);
    text[bytes] = text[bytes + 1] = '\0';
    source->path = rbk_arena_copy(arena, path);
    source->text = (struct rbk_str){text, bytes};
    find_lines(arena, source);
    return source;
}

struct rbk_source *rbk_source_from_text(struct rbk_arena *arena, struct rbk_str path,
                                        struct rbk_str text)
{
    RBK_ASSERT(text.bytes <= RBK_SOURCE_BYTES_MAX);
    char *copy = rbk_new_array(arena, char, text.bytes + 2);
    if (text.bytes) {
        memcpy(copy, text.data, text.bytes);
    }
    return make_source(arena, path, copy, text.bytes);
}

static int too_large(struct rbk_error *reterr, const char *path)
{
    return rbk_error_set(reterr, RBK_ELIMIT, "%s is larger than %zu MiB", path,
                         RBK_SOURCE_BYTES_MAX >> 20);
}

/* Read what the descriptor has into arena memory; *ret_text has room for two bytes more. */
static int read_all(struct rbk_arena *arena, int descriptor, size_t expected_bytes,
                    const char *path, char **ret_text, size_t *ret_bytes, struct rbk_error *reterr)
{
    size_t capacity = expected_bytes + 1 > READ_BYTES_MIN ? expected_bytes + 1 : READ_BYTES_MIN;
    char *text = rbk_new_array(arena, char, capacity + 2);
    size_t bytes = 0;
    for (;;) {
        ssize_t count = read(descriptor, text + bytes, capacity - bytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot read %s", path);
        }
        if (count == 0) {
            break;
        }
        bytes += (size_t)count;
        if (bytes > RBK_SOURCE_BYTES_MAX) {
            return too_large(reterr, path);
        }
        if (bytes == capacity) {
            char *larger = rbk_new_array(arena, char, capacity * 2 + 2);
            memcpy(larger, text, bytes);
            text = larger;
            capacity *= 2;
        }
    }
    *ret_text = text;
    *ret_bytes = bytes;
    return 0;
}

int rbk_source_open(struct rbk_arena *arena, const char *path, struct rbk_source **ret_source,
                    struct rbk_error *reterr)
{
    /* Opened without waiting: a named pipe that nobody writes to is empty, not a wait for ever. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor >= 0) {
        (void)fcntl(descriptor, F_SETFL, 0);
    }
    if (descriptor < 0) {
        return rbk_error_set_system(reterr, errno == ENOENT ? RBK_ENOTFOUND : RBK_EIO, errno,
                                    "cannot open %s", path);
    }
    struct stat status;
    char *text = NULL;
    size_t bytes = 0;
    int result;
    if (fstat(descriptor, &status) != 0) {
        result = rbk_error_set_system(reterr, RBK_EIO, errno, "cannot read %s", path);
        goto out;
    }
    if (S_ISDIR(status.st_mode)) {
        result = rbk_error_set(reterr, RBK_EIO, "%s is a directory", path);
        goto out;
    }
    if (status.st_size > (off_t)RBK_SOURCE_BYTES_MAX) {
        result = too_large(reterr, path);
        goto out;
    }
    result = read_all(arena, descriptor, status.st_size > 0 ? (size_t)status.st_size : 0, path,
                      &text, &bytes, reterr);
    if (result == 0) {
        RBK_ASSERT(text);
        *ret_source = make_source(arena, rbk_str_from(path), text, bytes);
    }
out:
    close(descriptor);
    return result;
}

struct rbk_position rbk_source_position(const struct rbk_source *source, uint32_t offset)
{
    if (offset > source->text.bytes) {
        offset = (uint32_t)source->text.bytes;
    }
    uint32_t low = 0;
    uint32_t high = source->line_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (source->line_starts[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    uint32_t start = source->line_starts[low];
    struct rbk_str before = rbk_str_slice(source->text, start, offset);
    return (struct rbk_position){low + 1, (uint32_t)rbk_utf8_count(before) + 1};
}

struct rbk_str rbk_source_line(const struct rbk_source *source, uint32_t line)
{
    if (line == 0 || line > source->line_count) {
        return RBK_STR("");
    }
    size_t start = source->line_starts[line - 1];
    size_t end = line < source->line_count ? source->line_starts[line] - 1 : source->text.bytes;
    if (end > start && source->text.data[end - 1] == '\r') {
        end--;
    }
    return rbk_str_slice(source->text, start, end);
}

struct rbk_str rbk_source_text(const struct rbk_source *source, struct rbk_span span)
{
    return rbk_str_slice(source->text, span.start, span.end);
}

/* Report a character; @what says what it is. */
static void report(const struct rbk_source *source, struct rbk_diagnostics *diagnostics,
                   size_t offset, size_t bytes, uint32_t character, const char *what,
                   const char *help)
{
    struct rbk_span span = rbk_span_make((uint32_t)offset, (uint32_t)(offset + bytes));
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        diagnostics, RBK_RULE_TEXT, rbk_place_make(source, span), "%s U+%04X", what, character);
    rbk_diagnostic_help(diagnostic, "%s", help);
}

/* Whether the byte is a control character that has no business in a source. */
static bool is_control(const struct rbk_source *source, size_t at)
{
    unsigned char byte = (unsigned char)source->text.data[at];
    if (byte == '\t' || byte == '\n') {
        return false;
    }
    if (byte == '\r') { /* Only as part of a line end: alone it hides what stands before it. */
        return at + 1 >= source->text.bytes || source->text.data[at + 1] != '\n';
    }
    return byte < 0x20 || byte == 0x7f;
}

int rbk_source_check(const struct rbk_source *source, struct rbk_diagnostics *diagnostics)
{
    struct rbk_str text = source->text;
    uint32_t errors = diagnostics->errors;
    bool only_returns =
        source->line_count == 1; /* no line end of ours: CR alone ends all of them */
    size_t at = 0;
    if (rbk_str_starts(text, RBK_STR("\xef\xbb\xbf"))) {
        at = 3;
    }
    while (at < text.bytes) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte >= 0x20 && byte < 0x7f) {
            at++;
            continue;
        }
        if (byte < 0x80) {
            if (byte == '\r' && only_returns && at + 1 < text.bytes) {
                report(source, diagnostics, at, 1, byte, "lines that end with nothing but",
                       "Save the file with line ends of Linux (LF) or Windows (CR LF).");
                return -1; /* One message for all the lines. */
            }
            if (is_control(source, at)) {
                report(source, diagnostics, at, 1, byte, "control character",
                       "Remove the character; texts spell line ends and tabs as `\\n` and `\\t`.");
            }
            at++;
            continue;
        }
        uint32_t character = 0;
        size_t bytes = rbk_utf8_decode(text, at, &character);
        if (bytes == 0) {
            struct rbk_span span = rbk_span_make((uint32_t)at, (uint32_t)at + 1);
            rbk_diagnostic_help(rbk_diagnostic_error(diagnostics, RBK_RULE_TEXT,
                                                     rbk_place_make(source, span),
                                                     "invalid UTF-8 (byte 0x%02x)", byte),
                                "Save the file as UTF-8.");
            /* One message for a file in another encoding. */
            return -1;
        }
        if (character < 0xa0) {
            report(source, diagnostics, at, bytes, character, "control character",
                   "Remove the character; texts spell line ends and tabs as `\\n` and `\\t`.");
        } else if (rbk_script_is_hidden(character)) {
            report(source, diagnostics, at, bytes, character,
                   "invisible or bidirectional character",
                   "Remove the character: with it the text can read otherwise than it compiles.");
        }
        at += bytes;
    }
    return diagnostics->errors == errors ? 0 : -1;
}
