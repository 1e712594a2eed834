/*
 * libjq takes 40 ms for a program, nearly all of it for its own library. So filters are compiled
 * together first, as `(one), (other), …`, and apart only where that does not compile. What is put
 * between parentheses is only what cannot close them: then `(filter)` compiles where the filter
 * does by itself. Where it could be otherwise (comments, values within texts) a filter is compiled
 * alone.
 */
#include "compiler/filter_check.h"

#include "compiler/compile.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* What is compiled together: libjq's tables take some thousand times as much. */
#define TOGETHER_COUNT_MAX 256u
#define TOGETHER_BYTES_MAX ((size_t)64 << 10)
/* Brackets within one filter of those: libjq's parser has a stack of its own. */
#define TOGETHER_DEPTH_MAX 64u
/* Of libjq's message. */
#define REASON_BYTES_MAX ((size_t)200)

/* What is known of one text. */
struct verdict {
    struct rbk_str text; /* in the check's arena */
    struct rbk_str reason;
    enum rbk_filter_answer answer;
};

/* Those of one plan that are not known yet. */
struct pending {
    struct rbk_filter_check *check;
    struct verdict **items;
    uint32_t count;
};

void rbk_filter_check_init(struct rbk_filter_check *check)
{
    rbk_filter_judge_init(&check->judge);
    rbk_arena_init(&check->arena, RBK_COMPILE_BYTES_MAX);
    rbk_map_init(&check->verdicts, &check->arena);
    check->refused = 0;
}

void rbk_filter_check_fini(struct rbk_filter_check *check)
{
    rbk_filter_judge_fini(&check->judge);
    rbk_arena_fini(&check->arena);
}

/* ---- what libjq says, for people ------------------------------------------------------------- */

static struct rbk_str replace(struct rbk_arena *arena, struct rbk_str text, const char *words,
                              const char *by)
{
    const char *found = memmem(text.data, text.bytes, words, strlen(words));
    if (!found) {
        return text;
    }
    size_t at = (size_t)(found - text.data);
    struct rbk_str rest = rbk_str_slice(text, at + strlen(words), text.bytes);
    return rbk_arena_printf(arena, "%.*s%s%.*s", (int)at, text.data, by, RBK_STR_ARG(rest));
}

/* One line of characters that can be shown, without what means something to the command line of jq
 * alone, nor the line of a filter that has only one. */
static struct rbk_str reason_of(struct rbk_arena *arena, struct rbk_str filter, const char *message)
{
    struct rbk_str text = rbk_str_from(message);
    struct rbk_buffer shown;
    rbk_buffer_init(&shown, REASON_BYTES_MAX + 8);
    text = rbk_str_slice(text, 0, rbk_str_find(text, '\n'));
    bool one_line = rbk_str_find(filter, '\n') == filter.bytes;
    text = replace(arena, text, " (Unix shell quoting issues?)", "");
    text = replace(arena, text, " at <top-level>, line 1:", one_line ? "" : ", line 1");
    text = replace(arena, text, " at <top-level>", "");
    text = replace(arena, text, "$end", "end of the filter");
    text = replace(arena, text, "INVALID_CHARACTER", "character");
    text = rbk_str_trim(text);
    while (text.bytes > 0 && text.data[text.bytes - 1] == ':') {
        text.bytes--;
    }
    for (size_t at = 0; at < text.bytes && shown.bytes < REASON_BYTES_MAX;) {
        uint32_t character = 0;
        size_t bytes = rbk_utf8_decode(text, at, &character);
        if (bytes == 0 || character < 0x20 || (character >= 0x7f && character < 0xa0)) {
            (void)rbk_buffer_append_byte(&shown, '?');
        } else {
            (void)rbk_buffer_append(&shown, text.data + at, bytes);
        }
        at += bytes ? bytes : 1;
    }
    if (shown.bytes == 0) {
        (void)rbk_buffer_append_text(&shown, "libjq does not say why");
    }
    struct rbk_str reason = rbk_arena_copy(arena, rbk_buffer_str(&shown));
    rbk_buffer_fini(&shown);
    return reason;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Whether nothing more is asked: nobody answers, or more is wrong than is shown. */
static bool is_over(const struct rbk_filter_check *check)
{
    return check->judge.gone[0] != '\0' || check->refused >= RBK_DIAGNOSTICS_MAX;
}

static void ask_alone(struct rbk_filter_check *check, struct verdict *verdict)
{
    char message[RBK_FILTER_MESSAGE_BYTES_MAX] = "";
    verdict->answer = is_over(check) ? RBK_FILTER_ANSWER_NONE
                                     : rbk_filter_judge_ask(&check->judge, verdict->text, message);
    check->refused += verdict->answer == RBK_FILTER_ANSWER_REFUSED;
    if (verdict->answer == RBK_FILTER_ANSWER_REFUSED ||
        verdict->answer == RBK_FILTER_ANSWER_ENDED) {
        verdict->reason = reason_of(&check->arena, verdict->text, message);
    }
}

/* Whether a filter closes every bracket it opens, and none else, with no more of jq's signs than
 * are sure to be read the same between parentheses. */
static bool can_be_enclosed(struct rbk_str text)
{
    char open[TOGETHER_DEPTH_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (byte == '#') {
            return false;
        }
        if (byte == '"') {
            for (i++; i < text.bytes && text.data[i] != '"'; i++) {
                if (text.data[i] == '\\' && (++i == text.bytes || text.data[i] == '(')) {
                    return false;
                }
            }
            if (i >= text.bytes) {
                return false;
            }
        } else if (byte == '(' || byte == '[' || byte == '{') {
            if (depth == TOGETHER_DEPTH_MAX) {
                return false;
            }
            open[depth++] = byte == '(' ? ')' : byte == '[' ? ']' : '}';
        } else if (byte == ')' || byte == ']' || byte == '}') {
            if (depth == 0 || open[--depth] != byte) {
                return false;
            }
        }
    }
    return depth == 0;
}

/* Whether all of some filters compile. */
static bool compile_together(struct rbk_filter_check *check, struct verdict **items, uint32_t count)
{
    char message[RBK_FILTER_MESSAGE_BYTES_MAX];
    struct rbk_buffer program;
    rbk_buffer_init(&program, RBK_FILTER_PROGRAM_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        (void)rbk_buffer_printf(&program, "%s(\n%.*s\n)", i ? "," : "",
                                RBK_STR_ARG(items[i]->text));
    }
    bool fine = program.error == 0 && rbk_filter_judge_ask(&check->judge, rbk_buffer_str(&program),
                                                           message) == RBK_FILTER_ANSWER_FINE;
    rbk_buffer_fini(&program);
    return fine;
}

/* Halves what does not compile: goes as deep as the count has bits. */
static void ask_together(struct rbk_filter_check *check, struct verdict **items, uint32_t count)
{
    if (count <= 1 || is_over(check)) {
        for (uint32_t i = 0; i < count; i++) {
            ask_alone(check, items[i]);
        }
    } else if (compile_together(check, items, count)) {
        for (uint32_t i = 0; i < count; i++) {
            items[i]->answer = RBK_FILTER_ANSWER_FINE;
        }
    } else {
        ask_together(check, items, count / 2);
        ask_together(check, items + count / 2, count - count / 2);
    }
}

/* Those that can be compiled together first, in the order they were found. */
static void ask_all(struct pending *pending)
{
    struct rbk_filter_check *check = pending->check;
    struct verdict *items[TOGETHER_COUNT_MAX];
    uint32_t count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < pending->count; i++) {
        struct verdict *verdict = pending->items[i];
        if (!can_be_enclosed(verdict->text) || verdict->text.bytes > TOGETHER_BYTES_MAX) {
            ask_alone(check, verdict);
            continue;
        }
        if (count == TOGETHER_COUNT_MAX || bytes + verdict->text.bytes > TOGETHER_BYTES_MAX) {
            ask_together(check, items, count);
            count = 0;
            bytes = 0;
        }
        items[count++] = verdict;
        bytes += verdict->text.bytes;
    }
    ask_together(check, items, count);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* The verdict of a text; one that there is none of yet becomes pending. */
static void look_up(struct pending *pending, struct rbk_str text)
{
    struct rbk_filter_check *check = pending->check;
    struct verdict *verdict = rbk_map_get(&check->verdicts, text);
    if (verdict && verdict->answer != RBK_FILTER_ANSWER_NONE) {
        return;
    }
    if (!verdict) {
        verdict = rbk_new(&check->arena, struct verdict);
        verdict->text = rbk_arena_copy(&check->arena, text);
        rbk_map_set(&check->verdicts, verdict->text, verdict);
    }
    verdict->answer = RBK_FILTER_ANSWER_REFUSED; /* until it is asked; not twice */
    if (text.bytes > RBK_FILTER_PROGRAM_BYTES_MAX) {
        verdict->reason = RBK_STR("it is larger than 1 MiB");
    } else if (rbk_str_find(text, '\0') < text.bytes) {
        verdict->reason = RBK_STR("it holds a NUL byte");
    } else {
        pending->items[pending->count++] = verdict;
    }
}

static void report(struct rbk_compile *compile, struct rbk_place place,
                   const struct verdict *verdict)
{
    struct rbk_diagnostics *diagnostics = &compile->diagnostics;
    if (verdict->answer == RBK_FILTER_ANSWER_REFUSED) {
        rbk_diagnostic_help(rbk_diagnostic_error(diagnostics, RBK_RULE_FILTER, place,
                                                 "the filter does not compile: %.*s",
                                                 RBK_STR_ARG(verdict->reason)),
                            "It is a program of jq: `jq 'FILTER' answer.json` tries one out.");
    } else {
        rbk_diagnostic_help(rbk_diagnostic_warning(diagnostics, RBK_RULE_FILTER, place,
                                                   "the filter was not checked: %.*s",
                                                   RBK_STR_ARG(verdict->reason)),
                            "It would end the same way when the plan runs: write a simpler one.");
    }
}

static void report_unchecked(const struct rbk_filter_check *check, struct rbk_compile *compile,
                             struct rbk_place first, uint32_t count)
{
    bool gone = check->judge.gone[0] != '\0';
    struct rbk_diagnostic *found = rbk_diagnostic_add(
        &compile->diagnostics, RBK_SEVERITY_NOTE, RBK_RULE_FILTER, first, "%u %s not checked: %s",
        (unsigned)count, count == 1 ? "filter of jq was" : "filters of jq were",
        gone ? check->judge.gone : "too many others do not compile");
    if (check->judge.missing) {
        rbk_diagnostic_help(found, "It is installed with `rbkc`, in `../libexec/rbk` beside it.");
    }
}

int rbk_filter_check_plan(struct rbk_filter_check *check, struct rbk_compile *compile)
{
    const struct rbk_filters *filters = &compile->filters;
    const struct rbk_filter_text *first_unchecked = NULL;
    uint32_t unchecked = 0;
    int result = 0;
    if (filters->count == 0) {
        return 0;
    }
    struct pending pending = {check, rbk_new_array(&check->arena, struct verdict *, filters->count),
                              0};
    check->refused = 0;
    rbk_filter_judge_begin_plan(&check->judge);
    for (const struct rbk_filter_text *at = filters->first; at; at = at->next) {
        look_up(&pending, at->text);
    }
    ask_all(&pending);
    for (const struct rbk_filter_text *at = filters->first; at; at = at->next) {
        const struct verdict *verdict = rbk_map_get(&check->verdicts, at->text);
        if (verdict->answer == RBK_FILTER_ANSWER_NONE) {
            first_unchecked = first_unchecked ? first_unchecked : at;
            unchecked++;
        } else if (verdict->answer != RBK_FILTER_ANSWER_FINE) {
            report(compile, at->place, verdict);
            result = verdict->answer == RBK_FILTER_ANSWER_REFUSED ? -RBK_ECOMPILE : result;
        }
    }
    if (first_unchecked) {
        report_unchecked(check, compile, first_unchecked->place, unchecked);
    }
    return result;
}

int rbk_filter_check_once(struct rbk_compile *compile)
{
    struct rbk_filter_check check;
    rbk_filter_check_init(&check);
    int result = rbk_filter_check_plan(&check, compile);
    rbk_filter_check_fini(&check);
    return result;
}
