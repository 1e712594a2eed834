/*
 * What the scanner's rules call: from the bytes of a match to a token and its value, with a message
 * where the bytes are wrong. Private to the front end; included by rbk.l only, and by scan.c.
 *
 * Each function returns the token for the parser: RBK_TOKEN_RBK_YYerror after a message.
 */
#ifndef RBK_COMPILER_SCAN_H
#define RBK_COMPILER_SCAN_H

#include "compiler/parse_state.h"
#include "compiler/tree_build.h"
#include "rbk_parser.h"

#include <stdbool.h>

/** What may stand behind a number. */
enum rbk_scan_unit {
    RBK_SCAN_UNIT_NONE,     /**< Nothing. */
    RBK_SCAN_UNIT_RATIO,    /**< % */
    RBK_SCAN_UNIT_DURATION, /**< ms s m h d */
    RBK_SCAN_UNIT_BYTES, /**< B, kB MB GB TB (powers of 1000), KiB MiB GiB TiB (powers of 1024) */
};

/** A word of ASCII letters: a reserved one or a name. Inline: half of all tokens are words. */
static inline int rbk_scan_word(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                                RBK_YYSTYPE *value)
{
    if (text.bytes > RBK_NAME_BYTES_MAX) {
        rbk_parse_stop(parse, span, RBK_PARSE_LIMIT_NAME);
    }
    value->word = rbk_names_intern(parse->names, text);
    /* `sql.value` is no statement: after an error nothing must begin with it. */
    if (value->word->serves_as_name && parse->source->text.data[span.end] == '.') {
        return RBK_TOKEN_ID;
    }
    return value->word->token;
}

/** Copy what follows of the source into the scanner's buffer, at most @bytes_max.
 * @return How many bytes; 0 at the end. */
size_t rbk_scan_input(struct rbk_parse *parse, char *buffer, size_t bytes_max);

/** A word with other letters, or some other character beyond ASCII. */
int rbk_scan_wide_word(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                       RBK_YYSTYPE *value);

/** A number with its unit; sets value->literal. @token is returned also when it is out of range. */
int rbk_scan_number(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                    enum rbk_scan_unit unit, int token, RBK_YYSTYPE *value);

/** A number with letters that are no unit. */
int rbk_scan_bad_unit(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text);

/** A time of day; sets value->minute. */
int rbk_scan_time(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                  RBK_YYSTYPE *value);

/** A date; sets value->date. */
int rbk_scan_date(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                  RBK_YYSTYPE *value);

/** A text that does not end; @span is where its line, or the file, ends. */
int rbk_scan_open_text(struct rbk_parse *parse, struct rbk_span span);

/** A character that begins no token. */
int rbk_scan_bad_byte(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text);

/**
 * A line ends: an interpolation of a text on one line ends with it.
 * @return Whether a message was given, and the text is over.
 */
bool rbk_scan_line_ends_text(struct rbk_parse *parse, struct rbk_span span);

#endif
