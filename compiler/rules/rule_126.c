/*
 * RBK126: commands that destroy more than was meant when one value is empty or wrong: `rm -r` of a
 * path with a value in it, file systems and disks written over, FLUSHALL, which empties every
 * database of a Redis server and not only the plan's.
 *
 * The text is looked at as it is written. What the shell would make of it is not worked out: a
 * warning that asks for a second look is all that is wanted.
 */
#include "compiler/rules/facts.h"

#include <string.h>

/* One command's text, as written. */
struct script {
    struct rbk_str text; /* With its quotes. */
    uint32_t start;      /* Where it begins in the source. */
    bool list;           /* `["rm", "-rf", folder]`: words in quotes are literal, others values. */
};

/* Words of one command that are looked at, so that no text takes longer than its length. */
#define WORDS_MAX 64u

/* A word of it. */
struct word {
    size_t start;
    size_t end;
};

static bool is_between_words(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '"' || c == '\'' || c == ',' || c == '[' ||
           c == ']' || c == '(' || c == ')' || c == '`';
}

static bool ends_command(char c)
{
    return c == '\n' || c == ';' || c == '|' || c == '&';
}

/* The next word of the same command from @at on; false at the command's end. What stands between
 * `${` and `}` is one piece. */
static bool next_word(const struct script *script, size_t at, struct word *ret_word)
{
    const char *text = script->text.data;
    size_t bytes = script->text.bytes;
    while (at < bytes && is_between_words(text[at]) && (script->list || text[at] != '\n')) {
        at++;
    }
    size_t start = at;
    for (size_t deep = 0; at < bytes; at++) {
        if (text[at] == '$' && at + 1 < bytes && text[at + 1] == '{') {
            deep++;
        } else if (text[at] == '}' && deep) {
            deep--;
        } else if (!deep && (is_between_words(text[at]) || ends_command(text[at]))) {
            break;
        }
    }
    *ret_word = (struct word){start, at};
    return at > start;
}

static struct rbk_str word_text(const struct script *script, struct word word)
{
    return rbk_str_slice(script->text, word.start, word.end);
}

static struct rbk_span span_of(const struct script *script, struct word word)
{
    return rbk_span_make(script->start + (uint32_t)word.start, script->start + (uint32_t)word.end);
}

/* Whether every `${…}` of a word is a value of the run or the plan, which is never empty. */
static bool only_own_values(struct rbk_str text)
{
    for (size_t i = 0; i + 1 < text.bytes; i++) {
        struct rbk_str rest = rbk_str_slice(text, i, text.bytes);
        if (text.data[i] == '$' && !rbk_str_starts(rest, RBK_STR("${run.")) &&
            !rbk_str_starts(rest, RBK_STR("${plan."))) {
            return false;
        }
    }
    return true;
}

/* Whether a word depends on a value. */
static bool has_value(const struct script *script, struct word word)
{
    struct rbk_str text = word_text(script, word);
    if (script->list && word.start > 0 && script->text.data[word.start - 1] != '"' &&
        script->text.data[word.start - 1] != '\'') {
        return true;
    }
    return memchr(text.data, '$', text.bytes) != NULL && !only_own_values(text);
}

/* Whether a path is all there is: "/", "/" and a star, "~", "." or "*". */
static bool is_everything(struct rbk_str path)
{
    static const char *const all[] = {"/", "/*", "~",   "~/", "~/*", "*",
                                      ".", "./", "./*", "..", "/."};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (rbk_str_is(path, all[i])) {
            return true;
        }
    }
    return false;
}

static bool is_recursive(struct rbk_str option)
{
    return rbk_str_is(option, "--recursive") ||
           (option.bytes > 1 && option.data[1] != '-' &&
            (memchr(option.data, 'r', option.bytes) || memchr(option.data, 'R', option.bytes)));
}

static void report_path(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        const struct script *script, struct word command, struct word path)
{
    bool value = has_value(script, path);
    struct word whole = {command.start, path.end};
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, stage, span_of(script, whole),
        value ? "`rm -r` of a path that depends on a value" : "`rm -r` of everything there is");
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, span_of(script, path)), "%s",
                         value ? "what is removed if this is empty, or not what was thought?"
                               : "is removed");
    rbk_diagnostic_help(
        diagnostic, value ? "Remove a fixed path, or move it aside (`mv`) and leave removing it "
                            "to `retire`. If the value is safe, say why: `allow RBK126 because "
                            "\"…\"`."
                          : "Name what is to be removed.");
}

/* The words after `rm`. */
static void check_rm(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                     const struct script *script, struct word command)
{
    bool recursive = false;
    struct word word;
    unsigned left = WORDS_MAX;
    for (size_t at = command.end; left-- && next_word(script, at, &word); at = word.end) {
        struct rbk_str text = word_text(script, word);
        if (text.data[0] == '-') {
            recursive |= is_recursive(text);
        } else if (recursive && (has_value(script, word) || is_everything(text))) {
            report_path(rules, stage, script, command, word);
            return;
        }
    }
}

static void report_command(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           struct rbk_span span, struct rbk_str what, const char *does)
{
    rbk_diagnostic_help(
        rbk_diagnostic_mark(rbk_rule_warn(rules, stage, span,
                                          "`%.*s` destroys more than a plan "
                                          "can take back",
                                          RBK_STR_ARG(what)),
                            "%s", does),
        "Do without it, or leave it to `retire`. If it is meant, say why: `allow RBK126 because "
        "\"…\"`.");
}

/* `dd` to a device. */
static void check_dd(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                     const struct script *script, struct word command)
{
    struct word word;
    unsigned left = WORDS_MAX;
    for (size_t at = command.end; left-- && next_word(script, at, &word); at = word.end) {
        struct rbk_str text = word_text(script, word);
        if (rbk_str_starts(text, RBK_STR("of=/dev/")) && !rbk_str_is(text, "of=/dev/null")) {
            report_command(rules, stage, span_of(script, word), text, "writes over a device");
            return;
        }
    }
}

/* Whether a letter of a name is one, whatever its case. */
static bool is_word(struct rbk_str text, const char *lower)
{
    size_t i = 0;
    for (; i < text.bytes && lower[i]; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != lower[i]) {
            return false;
        }
    }
    return i == text.bytes && !lower[i];
}

static void check_word(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct script *script, struct word word)
{
    static const struct {
        const char *command;
        const char *does;
    } disks[] = {{"wipefs", "removes the signatures of file systems"},
                 {"shred", "writes over what it is given"},
                 {"blkdiscard", "discards a device"}};
    struct rbk_str text = word_text(script, word);
    if (rbk_str_is(text, "rm") || rbk_str_ends(text, RBK_STR("/rm"))) {
        check_rm(rules, stage, script, word);
    } else if (rbk_str_is(text, "dd")) {
        check_dd(rules, stage, script, word);
    } else if (rbk_str_is(text, "mkfs") || rbk_str_starts(text, RBK_STR("mkfs."))) {
        report_command(rules, stage, span_of(script, word), text, "makes a new, empty file system");
    } else if (is_word(text, "flushall")) {
        report_command(rules, stage, span_of(script, word), text,
                       "empties every database of the server");
    }
    for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
        if (rbk_str_is(text, disks[i].command)) {
            report_command(rules, stage, span_of(script, word), text, disks[i].does);
        }
    }
}

/* Whether a text can have any of the words at all: most have none of these pairs of letters. */
static bool may_destroy(struct rbk_str text)
{
    static const char *const hints[] = {"rm", "dd", "mkfs", "wipefs", "shred", "blkdiscard"};
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (memmem(text.data, text.bytes, hints[i], strlen(hints[i]))) {
            return true;
        }
    }
    return memmem(text.data, text.bytes, "lush", 4) || memmem(text.data, text.bytes, "LUSH", 4);
}

/* Look at a command as it is written: where a word can be a command's name, it is looked at. */
static void check_command(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                          const struct rbk_tree_expr *value)
{
    struct script script = {.text = rbk_source_text(rules->source, value->span),
                            .start = value->span.start,
                            .list = value->kind == RBK_EXPR_LIST};
    if (!may_destroy(script.text)) {
        return;
    }
    struct word word;
    for (size_t at = 0; at < script.text.bytes; at = word.end) {
        if (next_word(&script, at, &word)) {
            check_word(rules, stage, &script, word);
        } else {
            word.end++;
        }
    }
}

/* `redis C "FLUSHALL"`. */
static void check_redis(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        const struct rbk_tree_expr *value)
{
    const struct rbk_tree_expr *first = value->kind == RBK_EXPR_LIST ? value->items : value;
    if (!first || first->kind != RBK_EXPR_STRING || first->has_parts) {
        return;
    }
    struct rbk_str text = rbk_str_trim(first->text);
    struct rbk_str name = rbk_str_slice(text, 0, rbk_str_find(text, ' '));
    if (is_word(name, "flushall")) {
        report_command(rules, stage, first->span, name,
                       "empties every database of the server, not only this one");
    }
}

static void check_steps(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        if (at->kind == RBK_STATEMENT_RUN || at->kind == RBK_STATEMENT_SHELL) {
            check_command(rules, stage, at->value);
        } else if (at->kind == RBK_STATEMENT_REDIS) {
            check_redis(rules, stage, at->value);
        }
    }
}

static void check_part(struct rbk_rules *rules, struct rbk_tree_statement *part)
{
    check_steps(rules, NULL, part);
}

void rbk_rule_126_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    check_steps(rules, rbk_program_stage_of(statement), statement);
}

void rbk_rule_126(struct rbk_rules *rules)
{
    rbk_fact_each_part(rules, check_part);
}
