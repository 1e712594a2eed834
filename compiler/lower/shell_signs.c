/*
 * The words of a command are cut as a shell would, but each byte remembers whether it was quoted.
 * Then each word is looked at for what an unquoted one would mean to a shell.
 *
 * No false alarms is worth more than all alarms: only whole words count as operators (`a|b` may be
 * a pattern, `x?a=1&b=2` an address), only names in capitals as variables, only commands that take
 * files and nothing else have patterns of files, and programs with a language of their own (awk,
 * find, expr, …) keep its signs.
 */
#include "compiler/lower/shell_signs.h"

#include "compiler/lower/lower.h"
#include "runtime/core/base/attributes.h"

#include <stdint.h>
#include <string.h>

/* Bytes of a word that are looked at; of a longer one only the beginning is. */
#define WORD_BYTES_MAX 256u

/* How a byte of a word was written. */
enum quoting {
    BARE,   /* no quotes around it */
    DOUBLE, /* between double quotes: a shell would replace variables here */
    RAW,    /* between single quotes, or behind a backslash */
    VALUE,  /* stands for a `${x}`, whatever it is */
};

struct word {
    char text[WORD_BYTES_MAX];
    uint8_t quoting[WORD_BYTES_MAX];
    size_t bytes;
    struct rbk_span span; /* in the source; empty where the text has escapes */
};

/* The command's bytes one after the other, its values as one byte each. */
struct reader {
    const struct rbk_tree_expr *part; /* the next one; NULL behind the last */
    struct rbk_str text;              /* of the part under way */
    uint32_t start;                   /* where that is in the source */
    bool same;                        /* the source has the same bytes as the text */
    size_t at;                        /* of the next byte in it */
    bool value;                       /* the next byte is a value */
};

/* What is known of the command so far. */
struct command {
    bool begun;        /* its first word was seen */
    unsigned index;    /* of the word, from 0; sudo is none */
    bool found;        /* a sign was told */
    bool other_shell;  /* the rest is for another shell */
    bool has_language; /* a program with variables of its own was named */
    bool takes_text;   /* a client of such a one was named: what is between quotes is its own */
    bool compares;     /* expr, test: `<` and `>` are theirs */
    bool finds;        /* find: `;` is its own */
    bool takes_files;  /* the command takes names of files */
};

struct checker {
    struct rbk_diagnostics *diagnostics;
    const struct rbk_source *source;
    const struct rbk_tree_expr *expr;
    struct command command;
};

/* ---- bytes and words ------------------------------------------------------------------------- */

static void begin_part(struct reader *reader, const struct rbk_tree_expr *part, struct rbk_str text,
                       struct rbk_span span)
{
    reader->text = text;
    reader->at = 0;
    reader->start = span.start;
    reader->same = span.end - span.start == text.bytes;
    reader->part = part;
}

static struct reader reader_of(const struct rbk_tree_expr *command)
{
    struct reader reader = {0};
    if (command->has_parts) {
        begin_part(&reader, command->parts, RBK_STR(""), command->span);
    } else {
        bool triple =
            command->quote == RBK_QUOTE_TRIPLE_DOUBLE || command->quote == RBK_QUOTE_TRIPLE_SINGLE;
        uint32_t quotes = triple ? 3 : 1;
        begin_part(&reader, NULL, command->text,
                   rbk_span_make(command->span.start + quotes, command->span.end - quotes));
    }
    return reader;
}

/* Go on to the next byte or value; false at the end. */
static bool more(struct reader *reader)
{
    while (!reader->value && reader->at == reader->text.bytes) {
        const struct rbk_tree_expr *part = reader->part;
        if (!part) {
            return false;
        }
        if (part->kind == RBK_EXPR_TEXT) {
            begin_part(reader, part->next, part->text, part->span);
        } else {
            begin_part(reader, part->next, RBK_STR(""), part->span);
            reader->value = true;
        }
    }
    return true;
}

static void keep(struct word *word, char c, enum quoting quoting)
{
    if (word->bytes < WORD_BYTES_MAX) {
        word->text[word->bytes] = c;
        word->quoting[word->bytes++] = (uint8_t)quoting;
    }
}

/* The next word; false behind the last. What quotes and backslashes do here is what
 * rbk_template_words() makes of them. */
static bool next_word(struct reader *reader, struct word *word)
{
    enum quoting quoting = BARE;
    bool begun = false;
    bool same = true;
    word->bytes = 0;
    for (; more(reader); reader->at++) {
        uint32_t place = reader->start + (uint32_t)reader->at;
        if (reader->value) {
            reader->value = false;
            reader->at--; /* the part has no bytes, and the loop goes on by one */
            begun = true;
            same = false;
            keep(word, 'x', VALUE);
            continue;
        }
        char c = reader->text.data[reader->at];
        if (quoting == BARE && memchr(" \t\r\n", c, 4)) {
            if (begun) {
                break;
            }
            continue;
        }
        if (!begun) {
            word->span = rbk_span_make(place, place);
        }
        begun = true;
        same = same && reader->same;
        word->span.end = place + 1;
        if (c == '\'' && quoting != DOUBLE) {
            quoting = quoting == RAW ? BARE : RAW;
        } else if (c == '"' && quoting != RAW) {
            quoting = quoting == DOUBLE ? BARE : DOUBLE;
        } else if (c == '\\' && quoting != RAW && reader->at + 1 < reader->text.bytes) {
            char next = reader->text.data[++reader->at];
            word->span.end++;
            if (next != '\n') {
                keep(word, next, RAW);
            }
        } else {
            keep(word, c, quoting);
        }
    }
    if (!same) {
        word->span.end = word->span.start = 0;
    }
    return begun;
}

/* ---- what a word is -------------------------------------------------------------------------- */

static bool is_all(const struct word *word, enum quoting quoting)
{
    for (size_t i = 0; i < word->bytes; i++) {
        if (word->quoting[i] != quoting) {
            return false;
        }
    }
    return word->bytes > 0;
}

static struct rbk_str text_of(const struct word *word)
{
    return (struct rbk_str){word->text, word->bytes};
}

static bool is_among(struct rbk_str text, const char *const *set)
{
    for (; text.bytes > 0 && *set; set++) {
        if ((*set)[0] == text.data[0] && rbk_str_is(text, *set)) {
            return true;
        }
    }
    return false;
}

static bool is_capital(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_capital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Bytes of `NAME=` at the start of a word; 0 when it does not begin so. */
static size_t assigns(const struct word *word)
{
    size_t i = 0;
    while (i < word->bytes && word->quoting[i] == BARE && is_name(word->text[i]) &&
           !(i == 0 && word->text[i] >= '0' && word->text[i] <= '9')) {
        i++;
    }
    return i > 0 && i < word->bytes && word->text[i] == '=' && word->quoting[i] == BARE ? i : 0;
}

/* ---- findings -------------------------------------------------------------------------------- */

static struct rbk_diagnostic *warn(struct checker *checker, const struct word *word,
                                   const char *what)
{
    struct rbk_span span = word->span.end > word->span.start ? word->span : checker->expr->span;
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_warning(checker->diagnostics, RBK_RULE_SHELL_SIGN,
                               rbk_place_make(checker->source, span), "%s", what);
    checker->command.found = true;
    return diagnostic;
}

static bool check_operator(struct checker *checker, const struct word *word)
{
    static const char *const joins[] = {"&&", "||", "|", "|&", ";", "&", NULL};
    static const char *const redirects[] = {">",  ">>",   "<",   "<<",   "<<<", "2>", "2>>",
                                            "&>", "2>&1", ">&2", "1>&2", "&>>", NULL};
    const struct command *command = &checker->command;
    struct rbk_str text = text_of(word);
    char last = word->bytes ? text.data[word->bytes - 1] : '\0';
    bool semicolon = word->bytes > 1 && last == ';' && word->quoting[word->bytes - 1] == BARE;
    bool bare = is_all(word, BARE);
    if (word->quoting[0] != BARE) {
        return false;
    }
    if ((bare && is_among(text, joins) && !(command->finds && last == ';')) ||
        (semicolon && !command->finds)) {
        rbk_diagnostic_help(warn(checker, word,
                                 "a command with a sign that joins commands, where "
                                 "no shell reads it"),
                            "It is handed to the command as it is. Write two steps, `shell`, or "
                            "`sh -c '…'`; "
                            "where the command wants it, put it between single quotes.");
        return true;
    }
    bool goes_on = (rbk_str_starts(text, RBK_STR(">")) || rbk_str_starts(text, RBK_STR("2>")) ||
                    rbk_str_starts(text, RBK_STR("&>"))) &&
                   !(word->bytes > 1 && (word->text[1] == '=' || word->quoting[1] == RAW));
    if (!command->compares && ((bare && is_among(text, redirects)) || goes_on)) {
        rbk_diagnostic_help(warn(checker, word,
                                 "a command with a redirection, where no shell "
                                 "reads it"),
                            "It is handed to the command as it is. Output is kept by `into NAME` "
                            "or `capture`, input given by `stdin`; else write `shell`. Where the "
                            "command wants it, put it between single quotes.");
        return true;
    }
    return false;
}

/* `$HOME`, `$(date)`, `…`; and in a raw text what was meant as a value. */
static bool check_replaced(struct checker *checker, const struct word *word)
{
    bool raw =
        checker->expr->quote == RBK_QUOTE_SINGLE || checker->expr->quote == RBK_QUOTE_TRIPLE_SINGLE;
    for (size_t i = 0; i < word->bytes; i++) {
        char next = i + 1 < word->bytes && word->quoting[i + 1] == word->quoting[i]
                        ? word->text[i + 1]
                        : '\0';
        if (word->quoting[i] > DOUBLE || checker->command.has_language ||
            (word->quoting[i] == DOUBLE && checker->command.takes_text)) {
            continue;
        }
        if (word->text[i] == '`' || (word->text[i] == '$' && next == '(')) {
            rbk_diagnostic_help(
                warn(checker, word,
                     "a command within a command, where no shell "
                     "carries it out"),
                "Read it before: `let x = run.output(\"…\")`, then `${x}`; or write "
                "`shell`.");
            return true;
        }
        if (word->text[i] == '$' && raw && next == '{') {
            rbk_diagnostic_help(warn(checker, word, "`${}` in a text that takes no values"),
                                "Between single quotes every character stands for itself: write "
                                "the text between double quotes.");
            return true;
        }
        if (word->text[i] == '$' && is_capital(next)) {
            rbk_diagnostic_help(warn(checker, word,
                                     "a variable of the environment, where no shell "
                                     "replaces it"),
                                "A value of the plan is `${name}`, one of the runner's environment "
                                "`${env(\"NAME\")}`; else write `shell`.");
            return true;
        }
    }
    return false;
}

/* `*.tmp` of a command that takes files; `~/x`. */
static bool check_paths(struct checker *checker, const struct word *word)
{
    if (word->text[0] == '~' && word->quoting[0] == BARE &&
        (word->bytes == 1 || word->text[1] == '/')) {
        rbk_diagnostic_help(warn(checker, word, "`~`, where no shell puts a home directory"),
                            "Write `${env(\"HOME\")}`, or the whole path.");
        return true;
    }
    for (size_t i = 0; i < word->bytes && checker->command.takes_files && word->text[0] != '-';
         i++) {
        if (word->quoting[i] == BARE && (word->text[i] == '*' || word->text[i] == '?')) {
            rbk_diagnostic_help(
                warn(checker, word, "a pattern of files, where no shell finds them"),
                "The command is given the pattern itself. Write `shell`, or name "
                "the files.");
            return true;
        }
    }
    return false;
}

/* The first word: what a shell would not look for as a program. */
static bool check_first(struct checker *checker, const struct word *word)
{
    static const char *const builtins[] = {"cd",    "export", "source", ".",   "alias", "eval",
                                           "umask", "ulimit", "if",     "for", "while", NULL};
    struct rbk_str text = text_of(word);
    if (assigns(word)) {
        rbk_diagnostic_help(warn(checker, word,
                                 "a variable set before a command, where no shell "
                                 "reads it"),
                            "It is taken for the command's name. Write it behind the command: "
                            "`env { NAME: \"value\" }`.");
        return true;
    }
    if (is_all(word, BARE) && is_among(text, builtins)) {
        rbk_diagnostic_help(warn(checker, word, "a word of the shell, which is no program"),
                            rbk_str_is(text, "cd")
                                ? "A command runs elsewhere with `in \"folder\"` "
                                  "behind it; else write `shell`."
                                : "Write `shell`.");
        return true;
    }
    return false;
}

/* What a word tells about those behind it. */
static void learn(struct command *command, const struct word *word)
{
    static const char *const shells[] = {"sh",  "bash",    "dash", "zsh", "ksh",  "fish",
                                         "ash", "busybox", "ssh",  "su",  "mosh", NULL};
    static const char *const languages[] = {"awk",      "gawk",  "mawk",    "nawk",   "perl", "php",
                                            "jq",       "ruby",  "tclsh",   "expect", "pwsh", "sed",
                                            "envsubst", "mongo", "mongosh", "make",   NULL};
    /* `$BODY$` of PostgreSQL, `name` of MySQL and of JMESPath, `$(name)` of sqlcmd. */
    static const char *const clients[] = {"psql",      "mysql",   "mariadb",   "clickhouse-client",
                                          "sqlcmd",    "sqlite3", "cqlsh",     "bq",
                                          "influx",    "trino",   "spark-sql", "aws",
                                          "redis-cli", "az",      "beeline",   "hive",
                                          "presto",    "oci",     "ansible",   NULL};
    static const char *const comparing[] = {"expr", "test", "[", "bc", "dc", NULL};
    static const char *const filing[] = {
        "cp",     "mv",    "rm",    "ls", "cat", "chmod",     "chown",  "chgrp", "touch", "gzip",
        "gunzip", "rmdir", "mkdir", "du", "wc",  "sha256sum", "md5sum", "ln",    "shred", NULL};
    struct rbk_str text = text_of(word);
    command->begun = true;
    const char *slash = memrchr(text.data, '/', text.bytes);
    if (slash) {
        text = rbk_str_slice(text, (size_t)(slash + 1 - text.data), text.bytes);
    }
    command->other_shell |= is_among(text, shells);
    command->has_language |= is_among(text, languages);
    command->takes_text |= is_among(text, clients);
    command->compares |= is_among(text, comparing);
    command->finds |= rbk_str_is(text, "find");
    command->takes_files |= command->index == 0 && is_among(text, filing);
    if (!(command->index == 0 && rbk_str_is(text, "sudo"))) {
        command->index++;
    }
}

static bool is_sign(char c)
{
    switch (c) {
    case '&':
    case '|':
    case ';':
    case '<':
    case '>':
    case '`':
    case '$':
    case '~':
    case '*':
    case '?':
        return true;
    default:
        return false;
    }
}

/* Whether a command has any of the bytes that words are looked at for. Most have none, and there
 * are hundreds of thousands of words in a long plan. */
static bool has_signs(const struct rbk_tree_expr *command)
{
    struct reader reader = reader_of(command);
    for (; more(&reader); reader.at++) {
        if (reader.value) {
            reader.value = false;
            reader.at--; /* as in next_word() */
        } else if (is_sign(reader.text.data[reader.at])) {
            return true;
        }
    }
    return false;
}

void rbk_shell_signs_check(struct rbk_diagnostics *diagnostics, const struct rbk_source *source,
                           const struct rbk_tree_expr *expr)
{
    struct checker checker = {.diagnostics = diagnostics, .source = source, .expr = expr};
    struct command *command = &checker.command;
    struct reader reader = reader_of(expr);
    struct word word;
    bool signs = has_signs(expr);
    while (!command->found && !command->other_shell && next_word(&reader, &word)) {
        if (word.bytes == 0 || (!command->begun && check_first(&checker, &word))) {
            continue;
        }
        if (!signs) {
            return; /* only a first word means something without them */
        }
        if (check_operator(&checker, &word) || check_replaced(&checker, &word) ||
            check_paths(&checker, &word)) {
            continue;
        }
        learn(command, &word);
    }
}
