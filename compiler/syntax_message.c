/*
 * Syntax errors in users' words.
 *
 * Bison gives the exact list of tokens that could have stood at a place. It is made readable here
 * in steps, each of which replaces a group of tokens by what a person calls it:
 *
 *     everything an expression begins with     "an expression"
 *     a name and the words that serve as one   "a name"
 *     the operators, behind an expression      nothing, if something else is left
 *     more than five others                    "a statement", or "a clause" if no statement begins
 * so
 *
 * Then the mistake is looked at for advice: a misspelt word, a `=` for `==`, a missing unit, a
 * missing brace.
 */
#include "compiler/syntax_message.h"

#include "compiler/diagnostic.h"
#include "compiler/keyword.h"
#include "compiler/nearest.h"
#include "compiler/parse.h"
#include "compiler/syntax_advice.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"

#include <string.h>

/* More tokens than the grammar has. */
#define TOKENS_MAX 512
/* Alternatives listed one by one. */
#define ALTERNATIVES_MAX 5

/* The expected tokens, shrinking as groups are recognised. */
struct expected {
    const char **words;
    size_t count;
    const char *groups[4]; /* What replaced some of them, in the order found. */
    size_t group_count;
};

static bool is_one_of(const char *word, const char *const *set)
{
    for (; *set; set++) {
        if (strcmp(word, *set) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const expression_begins[] = {
    "a name",
    "a number",
    "a number with decimals",
    "a ratio",
    "a duration",
    "a size",
    "a text",
    "the start of a text",
    "true",
    "false",
    "not",
    "stage", /* before a dot */
    "'-'",
    "'('",
    "'['",
    NULL,
};

static const char *const operators[] = {
    "'+'", "'-'", "'*'", "'/'", "'<'", "'>'", "==",  "!=", "<=",
    ">=",  "??",  "and", "or",  "as",  "'.'", "'('", NULL,
};

static const char *const words_as_names[] = {
#define WORD(TOKEN, WORD) WORD,
    RBK_WORDS_AS_NAMES(WORD)
#undef WORD
        NULL,
};

/* Words that begin a statement and nothing else, one for each kind of block. */
static const char *const statement_words[] = {"use",     "title", "check", "kind",
                                              "acquire", "take",  NULL};

/* Words that stand at the head of a plan or above: found in a block, a brace is missing. */
static const char *const outer_words[] = {
    "plan",   "action",  "reading",  "module",    "stage",    "retire",     "param",
    "secret", "role",    "probe",    "backup",    "lock",     "connection", "observe",
    "grace",  "on",      "report",   "severity",  "escalate", "title",      "ticket",
    "owner",  "service", "estimate", "rehearsed", "baseline", "held",       NULL,
};

/* Words that stand in a stage: found among steps, a brace is missing. */
static const char *const stage_words[] = {
    "kind",  "risk",     "data",    "after",    "approve",   "prepare", "require", "window",
    "apply", "rollback", "trigger", "attempts", "unwatched", "allow",   NULL,
};

static const struct {
    const char *word;
    const char *what;
} later_words[] = {
    {"budget", "time budgets across stages"},
    {"uninterrupted", "`uninterrupted` blocks"},
    {"each", "stages for each of many targets"},
};

static bool has(const struct expected *expected, const char *word)
{
    for (size_t i = 0; i < expected->count; i++) {
        if (strcmp(expected->words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_any(const struct expected *expected, const char *const *set)
{
    for (; *set; set++) {
        if (has(expected, *set)) {
            return true;
        }
    }
    return false;
}

static bool is_reserved(const char *word)
{
    return word[0] >= 'a' && word[0] <= 'z' && !strchr(word, ' ');
}

static void remove_set(struct expected *expected, const char *const *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < expected->count; i++) {
        if (!is_one_of(expected->words[i], set)) {
            expected->words[kept++] = expected->words[i];
        }
    }
    expected->count = kept;
}

static size_t remove_reserved(struct expected *expected)
{
    size_t kept = 0;
    for (size_t i = 0; i < expected->count; i++) {
        if (!is_reserved(expected->words[i])) {
            expected->words[kept++] = expected->words[i];
        }
    }
    size_t removed = expected->count - kept;
    expected->count = kept;
    return removed;
}

static size_t count_reserved(const struct expected *expected)
{
    size_t count = 0;
    for (size_t i = 0; i < expected->count; i++) {
        count += is_reserved(expected->words[i]);
    }
    return count;
}

static void add_group(struct expected *expected, const char *group)
{
    if (expected->group_count < RBK_COUNT(expected->groups)) {
        expected->groups[expected->group_count++] = group;
    }
}

static void simplify(struct expected *expected)
{
    bool any_word = has(expected, "a name") && has(expected, "use") && has(expected, "within") &&
                    has(expected, "of");
    bool expression = has(expected, "a number") && has(expected, "a text") && has(expected, "'('");
    if (any_word) {
        remove_reserved(expected);
    }
    if (expression) {
        remove_set(expected, expression_begins);
        remove_set(expected, words_as_names);
        add_group(expected, "an expression");
    } else if (has(expected, "'+'") && has(expected, "'*'")) {
        remove_set(expected, operators);
        if (expected->count == 0) {
            add_group(expected, "an operator");
        }
    }
    if (has(expected, "a name")) {
        static const char *const name[] = {"a name", NULL};
        bool statement = has_any(expected, statement_words);
        remove_set(expected, name);
        if (!statement) {
            remove_set(expected, words_as_names);
        }
        add_group(expected, "a name");
    }
    if (has(expected, "the start of a text")) {
        static const char *const text[] = {"a text", "the start of a text", NULL};
        remove_set(expected, text);
        add_group(expected, "a text");
    }
    if (expected->count + expected->group_count > ALTERNATIVES_MAX &&
        count_reserved(expected) > 1) {
        bool statement = has_any(expected, statement_words);
        remove_reserved(expected);
        add_group(expected, statement ? "a statement" : "a clause");
    }
}

/* One alternative: a class of tokens as it is, everything else quoted. */
static void write_alternative(struct rbk_buffer *buffer, const char *word)
{
    size_t bytes = strlen(word);
    if (strchr(word, ' ')) {
        rbk_buffer_append_text(buffer, word);
    } else if (word[0] == '\'') {
        rbk_buffer_printf(buffer, "`%.*s`", (int)(bytes - 2), word + 1);
    } else {
        rbk_buffer_printf(buffer, "`%s`", word);
    }
}

static void write_expected(struct rbk_buffer *buffer, const struct expected *expected)
{
    size_t total = expected->group_count + expected->count;
    for (size_t i = 0; i < total; i++) {
        rbk_buffer_append_text(buffer, i == 0 ? ", expected " : i + 1 < total ? ", " : " or ");
        write_alternative(buffer, i < expected->group_count
                                      ? expected->groups[i]
                                      : expected->words[i - expected->group_count]);
    }
}

/* What stands at the span, as a person sees it. */
static void write_found(const struct rbk_parse *parse, struct rbk_span span, const char *found,
                        struct rbk_buffer *buffer)
{
    struct rbk_str text = rbk_source_text(parse->source, span);
    bool is_text =
        found && (strcmp(found, "a text") == 0 || strcmp(found, "the start of a text") == 0 ||
                  strcmp(found, "more text") == 0);
    if (!found || text.bytes == 0) {
        rbk_buffer_append_text(buffer, found ? "end of the file" : "text");
    } else if (is_text) {
        rbk_buffer_append_text(buffer, "text");
    } else {
        rbk_buffer_printf(buffer, "`%.*s`", RBK_STR_ARG(text));
    }
}

static void advise_nearest(struct rbk_diagnostic *diagnostic, struct rbk_str word,
                           const char *const *words, size_t count)
{
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, word);
    for (size_t i = 0; i < count; i++) {
        if (is_reserved(words[i])) {
            rbk_nearest_offer(&nearest, rbk_str_from(words[i]));
        }
    }
    if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
        rbk_diagnostic_fix(diagnostic, RBK_FIX_LIKELY, diagnostic->place, nearest.best);
    }
}

/* Whether only a name could have stood here. */
static bool expects_a_name(const struct expected *all)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->words[i], "a name") != 0 && !is_one_of(all->words[i], words_as_names)) {
            return false;
        }
    }
    return has(all, "a name");
}

/* Advice about a word that cannot stand here. */
static void advise_word(struct rbk_diagnostic *diagnostic, struct rbk_str word, const char *found,
                        const struct expected *all, bool is_later_line)
{
    for (size_t i = 0; i < RBK_COUNT(later_words); i++) {
        if (rbk_str_is(word, later_words[i].word)) {
            rbk_diagnostic_help(diagnostic, "This version does not carry out %s.",
                                later_words[i].what);
            return;
        }
    }
    if (strcmp(found, "a name") == 0) {
        advise_nearest(diagnostic, word, all->words, all->count);
    } else if (is_reserved(found) && expects_a_name(all) && !is_later_line) {
        rbk_diagnostic_help(diagnostic, "`%s` is a reserved word and cannot be a name here.",
                            found);
    }
}

/* Whether the block that begins at @span holds the answers of a question. */
static bool begins_choice(const struct rbk_parse *parse, struct rbk_span span)
{
    struct rbk_str text = parse->source->text;
    struct rbk_str inside = rbk_str_trim(rbk_str_slice(text, span.end, text.bytes));
    return rbk_str_starts(inside, RBK_STR("choice "));
}

/* Whether the word begins some statement. */
static bool begins_statement(const char *word)
{
    static const char *const statements[] = {
#define X(name, words) words,
        RBK_STATEMENTS(X)
#undef X
    };
    size_t bytes = strlen(word);
    for (size_t i = 0; i < RBK_COUNT(statements); i++) {
        if (strncmp(statements[i], word, bytes) == 0 &&
            (statements[i][bytes] == '\0' || statements[i][bytes] == ' ')) {
            return true;
        }
    }
    return false;
}

/* Whether the word begins a statement, and statements stand here, but not this one. */
static bool is_in_wrong_block(const char *found, const struct expected *all)
{
    return (has_any(all, statement_words) || has(all, "let")) && is_reserved(found) &&
           begins_statement(found);
}

/* Whether the word would be right one or two blocks further out. */
static bool misses_brace(const char *found, const struct expected *all)
{
    return has(all, "'}'") && is_in_wrong_block(found, all) &&
           (is_one_of(found, outer_words) || (has(all, "check") && is_one_of(found, stage_words)));
}

/*
 * Whether an error says that braces do not match. After one, the rest of the file is read in wrong
 * blocks: then only what is wrong by itself is worth a message, a name or a literal in a place
 * where none can stand.
 */
static bool loses_structure(const char *found, const struct expected *all, bool is_later_line)
{
    bool stray_brace = strcmp(found, "'{'") == 0 && has_any(all, statement_words);
    return stray_brace || is_in_wrong_block(found, all) ||
           (has(all, "'{'") && (is_later_line || (is_reserved(found) && begins_statement(found))));
}

static bool is_hidden_by_lost_structure(const struct rbk_parse *parse, const char *found,
                                        bool at_end)
{
    return parse->structure_lost && (at_end || (found && (is_reserved(found) || found[0] == '\'')));
}

/* Where statements are read, as what could have stood here tells. */
static enum rbk_syntax_block block_of(const struct expected *all)
{
    static const struct {
        const char *word;
        enum rbk_syntax_block block;
    } rows[] = {{"title", RBK_SYNTAX_HEAD},  {"kind", RBK_SYNTAX_STAGE},
                {"check", RBK_SYNTAX_STEPS}, {"the end of the file", RBK_SYNTAX_FILE},
                {"take", RBK_SYNTAX_OTHER},  {"acquire", RBK_SYNTAX_OTHER}};
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (has(all, rows[i].word)) {
            return rows[i].block;
        }
    }
    return RBK_SYNTAX_NO_BLOCK;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The word that ends at *@at, blanks before it passed over; *@at moves before it. */
static struct rbk_str word_before(struct rbk_str text, size_t *at)
{
    while (*at > 0 && memchr(" \t\r\n", text.data[*at - 1], 4)) {
        --*at;
    }
    size_t end = *at;
    while (*at > 0 && is_word_byte(text.data[*at - 1])) {
        --*at;
    }
    return rbk_str_slice(text, *at, end);
}

static bool number_follows(struct rbk_str text, size_t at)
{
    while (at < text.bytes && text.data[at] == ' ') {
        at++;
    }
    return at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9';
}

static const char *advise_mistake(const struct rbk_parse *parse, struct rbk_span span,
                                  const char *found, const struct expected *all)
{
    static const char *const steps[] = {"run",     "shell",    "sql",  "redis",   "do",   "let",
                                        "check",   "wait",     "take", "restore", "undo", "if",
                                        "foreach", "capture",  "http", "manual",  "ask",  "nothing",
                                        "notify",  "parallel", NULL};
    struct rbk_str text = parse->source->text;
    size_t at = span.start;
    struct rbk_str before = word_before(text, &at);
    char sign = at > 0 ? text.data[at - 1] : '\0'; /* `22:00`, and not `3s` */
    struct rbk_str further = word_before(text, &at);
    /* The end of a date or of a time of day. */
    bool digits = before.bytes == 2 && before.data[0] >= '0' && before.data[0] <= '9';
    return rbk_syntax_advice(&(struct rbk_syntax_mistake){
        .found = found,
        .text = rbk_source_text(parse->source, span),
        .before = before,
        .further = further,
        .next = span.end < text.bytes ? text.data[span.end] : '\0',
        .block = block_of(all),
        .expression = has(all, "a number") && has(all, "'('"),
        .name = has(all, "a name"),
        .string = has(all, "a text"),
        .brace = has(all, "'{'"),
        .colon = has(all, "':'"),
        .when = has(all, "when"),
        .date = has(all, "a date") || (has(all, "a time of day") && digits),
        .time = has(all, "a time of day") || (has(all, "to") && all->count == 1 && digits),
        .zone = has(all, "a text") && !has(all, "'+'") && digits && sign == ':',
        .number = number_follows(text, span.end),
        .is_step = is_one_of(found, steps),
        .is_stage = is_one_of(found, stage_words),
    });
}

/* Advice about what stands at the place, given everything that could have stood there. */
static void advise(struct rbk_parse *parse, struct rbk_diagnostic *diagnostic, struct rbk_span span,
                   const char *found, const struct expected *all, bool is_later_line)
{
    struct rbk_str text = rbk_source_text(parse->source, span);
    if (!found) {
        return;
    }
    if (text.bytes == 0 && parse->open_count) {
        const struct rbk_open *open = &parse->open[parse->open_count - 1];
        struct rbk_span bracket = rbk_span_make(open->start, open->start + 1);
        rbk_diagnostic_label(diagnostic, rbk_parse_place(parse, bracket), "not closed");
    } else if (misses_brace(found, all)) {
        rbk_diagnostic_help(diagnostic, "A `}` seems to be missing before `%s`.", found);
    } else if (is_in_wrong_block(found, all) && has(all, "the end of the file")) {
        rbk_diagnostic_help(diagnostic,
                            "There seems to be a `}` too many above, or a `{` missing.");
    } else if (strcmp(found, "'}'") == 0 && has(all, "the end of the file")) {
        rbk_diagnostic_help(diagnostic, "No brace is open here: there is one `}` too many.");
    } else if (strcmp(found, "'{'") == 0 && begins_choice(parse, span)) {
        rbk_diagnostic_help(diagnostic, "This version does not carry out questions with choices.");
    } else if (strcmp(found, "'='") == 0 && has(all, "==")) {
        rbk_diagnostic_help(diagnostic, "Write `==` to compare.");
        rbk_diagnostic_fix(diagnostic, RBK_FIX_LIKELY, rbk_parse_place(parse, span), RBK_STR("=="));
    } else if (has(all, "a duration") && strcmp(found, "a number") == 0) {
        rbk_diagnostic_help(diagnostic, "A duration needs a unit: `30s`, `5m`, `24h`.");
    } else if (has(all, "a duration") && !has(all, "a size") && strcmp(found, "a name") == 0) {
        rbk_diagnostic_help(diagnostic, "Durations that proofs use are literals: `30s`, `5m`, "
                                        "`24h`.");
    } else {
        const char *help = advise_mistake(parse, span, found, all);
        if (help) {
            rbk_diagnostic_help(diagnostic, "%s", help);
        } else {
            advise_word(diagnostic, text, found, all, is_later_line);
        }
    }
}

/*
 * Where to point: at the token, or, when it begins a later line, behind what came before it. What
 * is missing at the end of a statement is then not blamed on the next one.
 */
static struct rbk_span choose_span(const struct rbk_parse *parse, struct rbk_span span,
                                   const char *found, bool *ret_is_later_line)
{
    struct rbk_str between = rbk_str_slice(parse->source->text, parse->previous_end, span.start);
    *ret_is_later_line = false;
    if (!found || parse->previous_end == 0 || rbk_str_find(between, '\n') == between.bytes ||
        !(is_reserved(found) || strcmp(found, "'}'") == 0)) {
        return span;
    }
    *ret_is_later_line = true;
    return rbk_span_make(parse->previous_end, parse->previous_end);
}

void rbk_syntax_error(struct rbk_parse *parse, struct rbk_span span, const char *found,
                      const char **words, size_t count)
{
    bool at_end = span.start >= parse->source->text.bytes;
    bool is_later_line = false;
    struct rbk_span place = span;
    parse->file->broken = true;

    const char *copy[TOKENS_MAX];
    RBK_ASSERT(count <= TOKENS_MAX);
    for (size_t i = 0; i < count; i++) {
        copy[i] = words[i];
    }
    struct expected all = {.words = copy, .count = count};
    struct expected expected = {.words = words, .count = count};
    simplify(&expected);
    /* Where a statement could stand, nothing is missing before it: the word itself is wrong. */
    if (!has_any(&all, statement_words)) {
        place = choose_span(parse, span, found, &is_later_line);
    }
    if (parse->stopped || rbk_parse_is_echo(parse, place) ||
        is_hidden_by_lost_structure(parse, found, at_end)) {
        return;
    }
    rbk_parse_mark_error(parse, place);
    if (found && loses_structure(found, &all, is_later_line)) {
        parse->structure_lost = true;
    }

    struct rbk_buffer message;
    rbk_buffer_init(&message, 4096);
    rbk_buffer_append_text(&message, "unexpected ");
    write_found(parse, span, found, &message);
    write_expected(&message, &expected);
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(parse->diagnostics, RBK_RULE_SYNTAX, rbk_parse_place(parse, place),
                             "%s", rbk_buffer_str(&message).data);
    rbk_buffer_fini(&message);
    if (is_later_line) {
        rbk_diagnostic_label(diagnostic, rbk_parse_place(parse, span), "found this instead");
    }
    advise(parse, diagnostic, span, found, &all, is_later_line);
}
