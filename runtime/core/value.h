#ifndef RBK_RUNTIME_CORE_VALUE_H
#define RBK_RUNTIME_CORE_VALUE_H

/*
 * Values of the language at run time. A value is small and is passed by copy; the bytes of a text
 * and the items of a list belong to whoever made them (an arena, the value table of a run, the
 * machine) and outlive the value.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

/* Every type of the language: X(constant, the word a plan uses). The words are also the spelling in
 * a machine file, so a line is never renamed. */
#define RBK_TYPES(X)                                                              \
    X(UNKNOWN, "unknown") /* a poison type: an error was reported already */      \
    X(TEXT, "text")                                                               \
    X(BOOL, "bool")                                                               \
    X(INT, "int")           /* 64-bit signed */                                   \
    X(NUMBER, "number")     /* IEEE double, always finite */                      \
    X(RATIO, "ratio")       /* a share of one: 5% is 0.05 */                      \
    X(DURATION, "duration") /* milliseconds, signed */                            \
    X(BYTES, "bytes")       /* bytes, signed */                                   \
    X(TIME, "time")         /* milliseconds since 1970-01-01 UTC */               \
    X(URL, "url")                                                                 \
    X(JSON, "json") /* the text of one JSON value */                              \
    X(LIST, "list")                                                               \
    X(SCALAR, "scalar") /* text from outside, read as what it is compared with */ \
    X(SECRET, "secret") /* text that must never be shown; only exists while a template runs */

enum rbk_type {
#define X(constant, word) RBK_TYPE_##constant,
    RBK_TYPES(X)
#undef X
        RBK_TYPE_COUNT
};

/* One value. `missing` wins over everything else: the type stays, the content means nothing. */
struct rbk_value {
    enum rbk_type type;
    bool missing;
    union {
        bool truth;          /* BOOL */
        int64_t integer;     /* INT, DURATION (ms), BYTES, TIME (ms) */
        double number;       /* NUMBER, RATIO; never NaN or infinite */
        struct rbk_str text; /* TEXT, URL, JSON, SCALAR, SECRET */
        struct {
            const struct rbk_value *items;
            size_t count;
        } list; /* LIST */
    } as;
};

/* The word of a type ("duration"); "unknown" for a number out of range. */
const char *rbk_type_name(enum rbk_type type);
/* The type of a word; RBK_TYPE_UNKNOWN when there is none. */
enum rbk_type rbk_type_from_name(struct rbk_str word);

struct rbk_value rbk_value_missing(enum rbk_type type);
struct rbk_value rbk_value_bool(bool truth);
struct rbk_value rbk_value_integer(enum rbk_type type, int64_t integer);
/* A NUMBER or RATIO; NaN and infinity become missing. */
struct rbk_value rbk_value_number(enum rbk_type type, double number);
/* A TEXT, URL, JSON, SCALAR or SECRET that borrows `text`. */
struct rbk_value rbk_value_text(enum rbk_type type, struct rbk_str text);

/* A LIST that borrows its items; lists nest at most RBK_VALUE_DEPTH_MAX deep. */
struct rbk_value rbk_value_list(const struct rbk_value *items, size_t count);
#define RBK_VALUE_DEPTH_MAX 8u

/* A deep copy in `arena`; texts end in NUL. Ends the process when the arena is exhausted. */
struct rbk_value rbk_value_copy(struct rbk_arena *arena, struct rbk_value value);

/*
 * Print a value as a person reads it and as `${}` puts it into text: durations as "1h 30m" /
 * "400ms", ratios as "5%", bytes as "10GiB", a whole number without a point, lists with ", ",
 * times as ISO 8601 in UTC. A missing value prints as "(missing)". Appends to `out`.
 */
void rbk_value_print(struct rbk_buffer *out, struct rbk_value value);

/*
 * Read text as a value of `type` (the one conversion used by scalars, `as`, --set and params
 * files). Durations and bytes need a unit ("90s", "10GiB"), a ratio "%" or a bare share ("0.05"), a
 * bool is true/false (also t/f, as PostgreSQL prints them), a time ISO 8601.
 * @return The value (text borrows `text`), or a missing one when the text is not of that type.
 */
struct rbk_value rbk_value_parse(enum rbk_type type, struct rbk_str text);

/*
 * JSON for the journal: {"type":"duration","value":…}, reals as decimal strings; a missing value is
 * {"missing":true,"type":…}, a text that is not UTF-8 {"hex":…,"type":…}. The value may hold no
 * SECRET.
 * @return A new reference, or NULL when out of memory.
 */
struct json_t;
RBK_MUST_USE struct json_t *rbk_value_to_json(struct rbk_value value);
/* Accepts exactly that. Texts are copied into `arena`.
 * @return 0, -RBK_EINVALID or -RBK_ENOMEM; ret_value is set on success only. */
RBK_MUST_USE int rbk_value_from_json(const struct json_t *json, struct rbk_arena *arena,
                                     struct rbk_value *ret_value);

#endif
