/*
 * Shell scripts: a value becomes an environment variable, and the script a reference to it.
 *
 * How the reference is written depends on where it stands: outside quotes it is quoted, so that the
 * shell neither splits nor globs it; inside double quotes it stands bare; inside single quotes they
 * are closed around it. A here-document with a bare delimiter expands a bare reference, one with a
 * quoted delimiter expands nothing, so that no value can stand there. The walk knows quotes,
 * comments and here-documents; what else a shell has (arithmetic, command substitution) reads the
 * same for this purpose.
 */
#include "compiler/lower/template.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <stdlib.h>
#include <string.h>

#define HEREDOCS_MAX 8u
#define DELIMITER_BYTES_MAX 64u

enum shell_place { BARE, SINGLE, DOUBLE, COMMENT, HEREDOC, HEREDOC_DELIMITER };

struct heredoc {
    char delimiter[DELIMITER_BYTES_MAX];
    size_t bytes;
    bool quoted; /* nothing inside is expanded */
    bool tabs;   /* `<<-`: leading tabs before the delimiter do not count */
};

struct walk {
    enum shell_place place;
    char last;                             /* the byte before, for `#` and `<<` */
    bool escaped;                          /* the next byte is protected */
    struct heredoc heredocs[HEREDOCS_MAX]; /* announced; the first is the one under way */
    size_t heredoc_count;
    char delimiter_quote; /* while a delimiter is read */
    bool delimiter_begun;
    char line[DELIMITER_BYTES_MAX]; /* the line under way in a here-document, as far as it fits */
    size_t line_bytes;
    bool line_has_value;
};

static bool is_word_start(char last)
{
    return last == '\0' || last == ' ' || last == '\t' || last == '\n' || last == ';' ||
           last == '&' || last == '|' || last == '(';
}

static void end_line(struct walk *walk)
{
    walk->line_bytes = 0;
    walk->line_has_value = false;
}

/* A line of a here-document is complete: is it the delimiter? */
static void end_heredoc_line(struct walk *walk)
{
    const struct heredoc *heredoc = &walk->heredocs[0];
    const char *line = walk->line;
    size_t bytes = walk->line_bytes;
    while (heredoc->tabs && bytes > 0 && line[0] == '\t') {
        line++;
        bytes--;
    }
    if (!walk->line_has_value && bytes == heredoc->bytes &&
        memcmp(line, heredoc->delimiter, bytes) == 0) {
        walk->heredoc_count--;
        memmove(walk->heredocs, walk->heredocs + 1, walk->heredoc_count * sizeof *walk->heredocs);
        if (walk->heredoc_count == 0) {
            walk->place = BARE;
        }
    }
    end_line(walk);
}

static void step_heredoc(struct walk *walk, char byte)
{
    if (byte == '\n') {
        end_heredoc_line(walk);
    } else if (walk->line_bytes < DELIMITER_BYTES_MAX) {
        walk->line[walk->line_bytes++] = byte;
    } else {
        walk->line_has_value = true; /* too long to be a delimiter */
    }
}

/* Reading the word after `<<`. Returns true when `byte` belongs to it. */
static bool step_delimiter(struct walk *walk, char byte)
{
    struct heredoc *heredoc = &walk->heredocs[walk->heredoc_count - 1];
    if (walk->delimiter_quote != '\0') {
        if (byte == walk->delimiter_quote) {
            walk->delimiter_quote = '\0';
            return true;
        }
    } else if (!walk->delimiter_begun && byte == '-' && heredoc->bytes == 0 && !heredoc->tabs) {
        heredoc->tabs = true;
        return true;
    } else if (!walk->delimiter_begun && (byte == ' ' || byte == '\t')) {
        return true;
    } else if (byte == '\'' || byte == '"') {
        heredoc->quoted = true;
        walk->delimiter_begun = true;
        walk->delimiter_quote = byte;
        return true;
    } else if (byte == '\\') {
        heredoc->quoted = true;
        walk->delimiter_begun = true;
        return true;
    } else if (byte == ' ' || byte == '\t' || byte == '\n' || byte == ';' || byte == '&' ||
               byte == '|' || byte == ')' || byte == '<' || byte == '>') {
        walk->place = BARE;
        if (heredoc->bytes == 0) {
            walk->heredoc_count--;
        }
        return false;
    }
    walk->delimiter_begun = true;
    if (heredoc->bytes < DELIMITER_BYTES_MAX) {
        heredoc->delimiter[heredoc->bytes++] = byte;
    }
    return true;
}

static void step_bare(struct walk *walk, char byte)
{
    switch (byte) {
    case '\\':
        walk->escaped = true;
        break;
    case '\'':
        walk->place = SINGLE;
        break;
    case '"':
        walk->place = DOUBLE;
        break;
    case '#':
        if (is_word_start(walk->last)) {
            walk->place = COMMENT;
        }
        break;
    case '<':
        if (walk->last == '<' && walk->heredoc_count < HEREDOCS_MAX) {
            walk->heredocs[walk->heredoc_count++] = (struct heredoc){.bytes = 0};
            walk->place = HEREDOC_DELIMITER;
            walk->delimiter_quote = '\0';
            walk->delimiter_begun = false;
        }
        break;
    case '\n':
        if (walk->heredoc_count > 0) {
            walk->place = HEREDOC;
            end_line(walk);
        }
        break;
    default:
        break;
    }
}

static void step_byte(struct walk *walk, char byte)
{
    if (walk->escaped) {
        walk->escaped = false;
        walk->last = 'x';
        return;
    }
    if (walk->place == HEREDOC_DELIMITER) {
        bool here_string = !walk->delimiter_begun && byte == '<';
        if (here_string) {
            walk->heredoc_count--; /* `<<<` is one word, not a document */
            walk->place = BARE;
            walk->last = 'x';
            return;
        }
        if (step_delimiter(walk, byte)) {
            walk->last = 'x';
            return;
        }
    }
    switch (walk->place) {
    case BARE:
        step_bare(walk, byte);
        break;
    case SINGLE:
        if (byte == '\'') {
            walk->place = BARE;
        }
        break;
    case DOUBLE:
        if (byte == '\\') {
            walk->escaped = true;
        } else if (byte == '"') {
            walk->place = BARE;
        }
        break;
    case COMMENT:
        if (byte == '\n') {
            walk->place = BARE;
            step_bare(walk, byte);
        }
        break;
    case HEREDOC:
        step_heredoc(walk, byte);
        break;
    case HEREDOC_DELIMITER:
        break;
    }
    walk->last = byte;
}

/* How variable `number` is written where the walk stands; NULL where none can be. */
static const char *reference(const struct walk *walk)
{
    switch (walk->place) {
    case BARE:
        return walk->escaped ? NULL : "\"${RBK_%zu}\"";
    case DOUBLE:
        return walk->escaped ? NULL : "${RBK_%zu}";
    case SINGLE:
        return "'\"${RBK_%zu}\"'";
    case COMMENT:
        return "${RBK_%zu}";
    case HEREDOC:
        return walk->heredocs[0].quoted ? NULL : "${RBK_%zu}";
    case HEREDOC_DELIMITER:
        break;
    }
    return NULL;
}

static void append_reference(struct rbk_buffer *out, const struct walk *walk, size_t number)
{
    const char *format = reference(walk);
    const char *hole = strchr(format, '%');
    rbk_buffer_append(out, format, (size_t)(hole - format));
    rbk_buffer_printf(out, "%zu", number);
    rbk_buffer_append_text(out, hole + strlen("%zu"));
}

int rbk_template_shell(struct rbk_arena *arena, struct rbk_pieces script,
                       struct rbk_taken *ret_taken, const char **ret_fault)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, RBK_TEMPLATE_BYTES_MAX);
    const void **values = rbk_new_array(arena, const void *, script.count + 1);
    size_t count = 0;
    struct walk walk = {.place = BARE, .last = '\0'};
    int result = -1;

    for (size_t i = 0; i < script.count; i++) {
        const struct rbk_piece *piece = &script.items[i];
        if (piece->value == NULL) {
            for (size_t at = 0; at < piece->text.bytes; at++) {
                step_byte(&walk, piece->text.data[at]);
            }
            rbk_buffer_append_str(&out, piece->text);
            continue;
        }
        if (reference(&walk) == NULL) {
            *ret_fault = "no value can stand here: a shell expands nothing after a backslash, in a "
                         "here-document with a quoted delimiter, or in the delimiter itself";
            goto out;
        }
        values[count++] = piece->value;
        append_reference(&out, &walk, count);
        walk.last = 'x';
        walk.line_has_value = true;
    }
    if (out.error != 0) {
        *ret_fault = "the script is too large";
        goto out;
    }
    *ret_taken = (struct rbk_taken){rbk_arena_copy(arena, rbk_buffer_str(&out)), values, count};
    result = 0;
out:
    rbk_buffer_fini(&out);
    return result;
}
