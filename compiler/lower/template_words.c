/*
 * Words of a command: cut by blanks, quotes and backslashes, once, when the plan is compiled.
 *
 * One pass over the pieces with a small automaton. What belongs to the current word is collected
 * as pieces: literal bytes go to `bytes` until a value or the word's end closes that piece. A word
 * exists as soon as anything belongs to it, an empty pair of quotes included.
 */
#include "compiler/lower/template.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

#include <string.h>

enum quoting { OUTSIDE, SINGLE, DOUBLE };

struct cutter {
    enum quoting quoting;
    bool in_word;
    char *bytes; /* literal text of the piece under way; room for all literal text */
    size_t piece_start;
    size_t bytes_used;
    struct rbk_piece *pieces; /* of all words, one after the other */
    size_t piece_count;
    size_t word_first; /* first piece of the word under way */
    struct rbk_pieces *words;
    size_t word_count;
};

static void close_piece(struct cutter *cutter)
{
    if (cutter->bytes_used > cutter->piece_start) {
        cutter->pieces[cutter->piece_count++] = (struct rbk_piece){
            .text = {cutter->bytes + cutter->piece_start, cutter->bytes_used - cutter->piece_start},
        };
        cutter->piece_start = cutter->bytes_used;
    }
}

static void close_word(struct cutter *cutter)
{
    if (!cutter->in_word) {
        return;
    }
    close_piece(cutter);
    cutter->words[cutter->word_count++] = (struct rbk_pieces){
        cutter->pieces + cutter->word_first, cutter->piece_count - cutter->word_first};
    cutter->word_first = cutter->piece_count;
    cutter->in_word = false;
}

static void put(struct cutter *cutter, char byte)
{
    cutter->bytes[cutter->bytes_used++] = byte;
    cutter->in_word = true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* The backslash at `at`; returns how many bytes it and what it protects take, 0 when nothing
 * follows. */
static size_t take_backslash(struct cutter *cutter, struct rbk_str text, size_t at)
{
    if (at + 1 >= text.bytes) {
        return 0;
    }
    char next = text.data[at + 1];
    if (next == '\n') {
        return 2;
    }
    if (cutter->quoting == DOUBLE && next != '"' && next != '\\' && next != '$' && next != '`') {
        put(cutter, '\\');
        return 1;
    }
    put(cutter, next);
    return 2;
}

static int cut_text(struct cutter *cutter, struct rbk_str text, const char **ret_fault)
{
    for (size_t i = 0; i < text.bytes;) {
        char byte = text.data[i];
        if (cutter->quoting == SINGLE) {
            if (byte == '\'') {
                cutter->quoting = OUTSIDE;
            } else {
                put(cutter, byte);
            }
            i++;
        } else if (byte == '\\') {
            size_t taken = take_backslash(cutter, text, i);
            if (taken == 0) {
                *ret_fault = "a backslash has nothing to protect: neither a value nor the end of "
                             "the command can follow it";
                return -1;
            }
            i += taken;
        } else if (byte == '"') {
            cutter->quoting = cutter->quoting == DOUBLE ? OUTSIDE : DOUBLE;
            cutter->in_word = true;
            i++;
        } else if (byte == '\'' && cutter->quoting == OUTSIDE) {
            cutter->quoting = SINGLE;
            cutter->in_word = true;
            i++;
        } else if (is_blank(byte) && cutter->quoting == OUTSIDE) {
            close_word(cutter);
            i++;
        } else {
            put(cutter, byte);
            i++;
        }
    }
    return 0;
}

int rbk_template_words(struct rbk_arena *arena, struct rbk_pieces command,
                       struct rbk_words *ret_words, const char **ret_fault)
{
    size_t bytes = 0;
    for (size_t i = 0; i < command.count; i++) {
        bytes += command.items[i].value == NULL ? command.items[i].text.bytes : 0;
    }
    /* Two words have a blank between them; a value closes one piece and a word's end another. */
    size_t words_most = bytes / 2 + command.count + 1;
    size_t pieces_most = command.count * 2 + words_most;
    struct cutter cutter = {
        .bytes = rbk_arena_alloc(arena, bytes + 1, 1),
        .pieces = rbk_new_array(arena, struct rbk_piece, pieces_most),
        .words = rbk_new_array(arena, struct rbk_pieces, words_most),
    };
    for (size_t i = 0; i < command.count; i++) {
        const struct rbk_piece *piece = &command.items[i];
        if (piece->value != NULL) {
            close_piece(&cutter);
            cutter.pieces[cutter.piece_count++] = *piece;
            cutter.in_word = true;
        } else if (cut_text(&cutter, piece->text, ret_fault) < 0) {
            return -1;
        }
    }
    if (cutter.quoting != OUTSIDE) {
        *ret_fault = cutter.quoting == SINGLE ? "a single quote is not closed"
                                              : "a double quote is not closed";
        return -1;
    }
    close_word(&cutter);
    RBK_ASSERT(cutter.piece_count <= pieces_most);
    RBK_ASSERT(cutter.word_count <= words_most);
    if (cutter.word_count == 0) {
        *ret_fault = "the command has no words";
        return -1;
    }
    *ret_words = (struct rbk_words){cutter.words, cutter.word_count};
    return 0;
}
