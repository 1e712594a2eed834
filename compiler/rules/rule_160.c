/*
 * RBK160, the part about credentials: none is written in a plan, not even in a comment of it. A
 * plan is reviewed, mailed, kept with the journal and shown to whoever asks; a secret comes from
 * outside by `secret NAME from …`. (Secrets that could be seen are found with the types.)
 *
 * The text is looked at as bytes, once: tokens that can be told by their shape, and passwords by
 * what stands before them. Nobody can waive this rule, so what is only likely is left alone: a
 * password must be written out, without `${}`, and a placeholder (`<password>`, `***`) is none.
 *
 * Also here: `env("X")` of a variable that is a secret's source. It would be a plain text.
 */
#include "compiler/rules/rules.h"

#include "runtime/core/base/map.h"

#include <string.h>

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Whether @word, in small letters, ends before @end. */
static bool ends_with(const char *text, size_t end, const char *word)
{
    size_t bytes = strlen(word);
    if (end < bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (lower(text[end - bytes + i]) != word[i]) {
            return false;
        }
    }
    return true;
}

/* ---- one place ------------------------------------------------------------------------------- */

/* A text that is scanned. It is followed by NUL bytes, and holds none itself. */
struct scan {
    struct rbk_rules *rules;
    const char *text;
    size_t bytes;
    size_t reported; /* What lies before this has been reported. */
};

static void report(struct scan *scan, size_t start, size_t end, const char *what)
{
    if (start < scan->reported) {
        return;
    }
    scan->reported = end;
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(scan->rules, NULL, rbk_span_make((uint32_t)start, (uint32_t)end),
                        "%s is written in the plan", what);
    rbk_diagnostic_mark(diagnostic, "everybody who reads the plan has it");
    rbk_diagnostic_help(diagnostic,
                        "Let it come from outside: `secret NAME from env \"NAME\"`, `from file` or "
                        "`from command`. What was written here should be replaced, since it was "
                        "seen.");
}

/* The end of a run of token characters. */
static size_t token_end(const struct scan *scan, size_t at)
{
    while (is_token(scan->text[at])) {
        at++;
    }
    return at;
}

/* ---- tokens by their shape ------------------------------------------------------------------- */

/* A beginning that tells a token, what it is, and how many characters follow at least. */
static const struct shape {
    const char *prefix;
    const char *what;
    uint8_t more;
} shapes[] = {
    {"AKIA", "an AWS access key", 16},     {"ASIA", "an AWS access key", 16},
    {"ghp_", "a GitHub token", 36},        {"gho_", "a GitHub token", 36},
    {"ghs_", "a GitHub token", 36},        {"ghu_", "a GitHub token", 36},
    {"github_pat_", "a GitHub token", 22}, {"glpat-", "a GitLab token", 20},
    {"xoxb-", "a Slack token", 20},        {"xoxp-", "a Slack token", 20},
    {"xoxa-", "a Slack token", 20},        {"xoxs-", "a Slack token", 20},
    {"xapp-", "a Slack token", 20},        {"sk_live_", "a Stripe key", 16},
    {"rk_live_", "a Stripe key", 16},      {"AIza", "a Google API key", 35},
    {"npm_", "an npm token", 36},          {"hvs.", "a Vault token", 20},
    {"-----BEGIN ", "a private key", 0},
};

/* A token that begins at @at, where the text before it belongs to no other word. */
static void check_shape(struct scan *scan, size_t at, const struct shape *shape)
{
    size_t prefix = strlen(shape->prefix);
    if (strncmp(scan->text + at, shape->prefix, prefix) != 0) {
        return;
    }
    if (!shape->more) {
        const char *line = memchr(scan->text + at, '\n', scan->bytes - at);
        size_t end = line ? (size_t)(line - scan->text) : scan->bytes;
        if (memmem(scan->text + at, end - at, "PRIVATE KEY-----", 16)) {
            report(scan, at, end, shape->what);
        }
        return;
    }
    size_t end = token_end(scan, at + prefix);
    bool digit = false;
    for (size_t i = at + prefix; i < end; i++) {
        digit |= is_digit(scan->text[i]);
    }
    bool aws = shape->more == 16 && shape->prefix[0] == 'A';
    if (end - at - prefix >= shape->more && digit && (!aws || end - at == 20)) {
        report(scan, at, end, shape->what);
    }
}

/* Which characters begin one of the shapes. */
static bool begins_shape(char c)
{
    return c == 'A' || c == 'g' || c == 'x' || c == 's' || c == 'r' || c == 'n' || c == 'h' ||
           c == '-';
}

static void check_shapes(struct scan *scan, size_t at)
{
    if (at && (is_letter(scan->text[at - 1]) || is_digit(scan->text[at - 1]))) {
        return;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (scan->text[at] == shapes[i].prefix[0] && scan->text[at + 1] == shapes[i].prefix[1]) {
            check_shape(scan, at, &shapes[i]);
        }
    }
}

/* ---- passwords by what stands before them ---------------------------------------------------- */

/* Whether a value between @start and @end stands for itself: neither interpolated, nor taken from a
 * variable, nor a placeholder. */
static bool is_literal(const struct scan *scan, size_t start, size_t end)
{
    static const char *const words[] = {"null",   "none",  "true",   "false",   "password",
                                        "secret", "token", "prompt", "required"};
    char first = scan->text[start];
    if (start == end || first == '$' || first == '<' || first == '*' || first == '{' ||
        first == '%' || first == '?' || first == ':' || first == '(' || first == '@' ||
        memchr(scan->text + start, '$', end - start)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (end - start == strlen(words[i]) && ends_with(scan->text, end, words[i])) {
            return false;
        }
    }
    bool same = true; /* xxx, ..., --- */
    for (size_t i = start + 1; i < end; i++) {
        same &= scan->text[i] == first;
    }
    return !same;
}

static size_t value_end(const struct scan *scan, size_t at)
{
    while (at < scan->bytes && !strchr(" \t\r\n\"'`&;,|)]}\\", scan->text[at])) {
        at++;
    }
    return at;
}

/* `…password=VALUE`, at the `=`: in a command, an address, a connection string. */
static void check_assignment(struct scan *scan, size_t at)
{
    static const struct {
        const char *word;
        size_t value_bytes; /* So long a value must be, and have a digit in it. */
    } words[] = {{"password", 0}, {"passwd", 0},     {"pgpassword", 0}, {"passphrase", 0},
                 {"token", 12},   {"secret", 12},    {"api_key", 12},   {"apikey", 12},
                 {"api-key", 12}, {"secret_key", 12}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!ends_with(scan->text, at, words[i].word)) {
            continue;
        }
        size_t start = at + 1 + (scan->text[at + 1] == '\'');
        size_t end = value_end(scan, start);
        bool digit = !words[i].value_bytes;
        for (size_t k = start; k < end && !digit; k++) {
            digit = is_digit(scan->text[k]);
        }
        if (digit && end > start && end - start >= words[i].value_bytes &&
            scan->text[start] != '=' && is_literal(scan, start, end) &&
            !memchr(scan->text + start, '/', end - start)) {
            report(scan, start, end, words[i].value_bytes ? "a key or token" : "a password");
            return;
        }
    }
}

/* `scheme://user:password@host`, at the `:` before the slashes. */
static void check_address(struct scan *scan, size_t at)
{
    if (!at || !is_letter(scan->text[at - 1])) {
        return;
    }
    size_t colon = 0;
    for (size_t i = at + 3; i < scan->bytes; i++) {
        char c = scan->text[i];
        if (c == '@') {
            if (colon && is_literal(scan, colon + 1, i)) {
                report(scan, colon + 1, i, "a password");
            }
            return;
        }
        if (c == ':' && !colon) {
            colon = i;
        } else if (strchr("/?# \t\r\n\"'`<>", c)) {
            return;
        }
    }
}

/* `Bearer VALUE`, `Basic VALUE`, wherever they stand. */
static void check_authorization(struct scan *scan, size_t at)
{
    static const char *const schemes[] = {"Bearer ", "Basic "};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t start = at + strlen(schemes[i]);
        if (strncmp(scan->text + at, schemes[i], strlen(schemes[i])) != 0) {
            continue;
        }
        size_t end = start;
        while (end < scan->bytes &&
               (is_token(scan->text[end]) || strchr("+/.=~", scan->text[end]))) {
            end++;
        }
        bool digit = false;
        for (size_t k = start; k < end; k++) {
            digit |= is_digit(scan->text[k]) || scan->text[k] == '=';
        }
        if (end - start >= 12 && digit && is_literal(scan, start, end)) {
            report(scan, start, end, "the credential of an `Authorization`");
        }
    }
}

/* `PASSWORD 'VALUE'`, `IDENTIFIED BY 'VALUE'` in SQL, at the quote. */
static void check_sql(struct scan *scan, size_t at)
{
    size_t before = at;
    while (before && scan->text[before - 1] == ' ') {
        before--;
    }
    if (before == at || (!ends_with(scan->text, before, "password") &&
                         !ends_with(scan->text, before, "identified by"))) {
        return;
    }
    const char *quote = memchr(scan->text + at + 1, '\'', scan->bytes - at - 1);
    size_t end = quote ? (size_t)(quote - scan->text) : at;
    if (end > at + 1 && !memchr(scan->text + at, '\n', end - at) && is_literal(scan, at + 1, end)) {
        report(scan, at + 1, end, "a password");
    }
}

/* ---- the rule -------------------------------------------------------------------------------- */

static void scan_text(struct scan *scan)
{
    for (size_t at = 0; at < scan->bytes; at++) {
        char c = scan->text[at];
        if (c == '=') {
            check_assignment(scan, at);
        } else if (c == ':') {
            if (scan->text[at + 1] == '/' && scan->text[at + 2] == '/') {
                check_address(scan, at);
            }
        } else if (c == 'B') {
            check_authorization(scan, at);
        } else if (c == '\'') {
            check_sql(scan, at);
        } else if (begins_shape(c)) {
            check_shapes(scan, at);
        }
    }
}

/* ---- literals where a secret belongs --------------------------------------------------------- */

/* Whether a name is that of something secret: `PGPASSWORD`, `api_token`. */
static bool names_secret(struct rbk_str name)
{
    static const char *const ends[] = {"password", "passwd",  "passphrase", "token",
                                       "secret",   "api_key", "apikey",     "api-key"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends_with(name.data, name.bytes, ends[i])) {
            return true;
        }
    }
    return false;
}

/* A literal text that could be a credential: no path, no sentence. */
static void check_literal(struct scan *scan, struct rbk_str name, const struct rbk_tree_expr *value)
{
    if (!value || value->kind != RBK_EXPR_STRING || value->has_parts || !names_secret(name)) {
        return;
    }
    size_t start = value->span.start + 1;
    size_t end = value->span.end - 1;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strncmp(scan->text + start, shapes[i].prefix, strlen(shapes[i].prefix)) == 0) {
            return; /* Found by its shape. */
        }
    }
    if (end > start && value->quote <= RBK_QUOTE_SINGLE && is_literal(scan, start, end) &&
        !memchr(scan->text + start, ' ', end - start) &&
        !memchr(scan->text + start, '/', end - start)) {
        report(scan, start, end, "a password, key or token");
    }
}

static void check_clauses(struct scan *scan, const struct rbk_tree_statement *statement)
{
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        if (at->kind == RBK_CLAUSE_ENV) {
            for (const struct rbk_tree_argument *one = at->arguments; one; one = one->next) {
                check_literal(scan, one->name->name->text, one->value);
            }
        } else if (at->kind == RBK_CLAUSE_HEADER && at->second &&
                   at->second->kind == RBK_EXPR_STRING && !at->second->has_parts) {
            check_literal(scan, at->second->text, at->value);
        }
    }
}

/* The source that a secret reads: the name of its variable, or empty. */
static struct rbk_str variable_of(const struct rbk_tree_statement *secret)
{
    const struct rbk_tree_expr *value = secret->value;
    return secret->word == RBK_SECRET_ENV && value && value->kind == RBK_EXPR_STRING &&
                   !value->has_parts
               ? value->text
               : RBK_STR("");
}

/* Whether @at lies in a comment. Good enough: a `#` in a text before it on its line counts, too. */
static bool in_comment(const struct scan *scan, size_t at)
{
    while (at && scan->text[at - 1] != '\n') {
        at--;
        if (scan->text[at] == '#') {
            return true;
        }
    }
    return false;
}

/* `env("X")` of a secret's variable: its value as a text that nobody would guard. */
static void check_env(struct scan *scan, const struct rbk_map *secrets)
{
    const char *from = scan->text;
    const char *found;
    while ((found = memmem(from, scan->bytes - (size_t)(from - scan->text), "env(\"", 5))) {
        size_t at = (size_t)(found - scan->text);
        from = found + 5;
        struct rbk_str rest = {from, scan->bytes - at - 5};
        struct rbk_str name = rbk_str_slice(rest, 0, rbk_str_find(rest, '"'));
        const struct rbk_tree_statement *secret = rbk_map_get(secrets, name);
        if (!secret || (at && (is_token(from[-6]) || from[-6] == '.')) || in_comment(scan, at)) {
            continue;
        }
        size_t end = at + 5 + name.bytes + 1;
        struct rbk_diagnostic *diagnostic = rbk_rule_report(
            scan->rules, NULL, rbk_span_make((uint32_t)at, (uint32_t)end),
            "secret `%.*s` is read as a plain text", RBK_STR_ARG(secret->name->name->text));
        rbk_diagnostic_label(diagnostic, rbk_rules_place(scan->rules, secret->head),
                             "the same variable is guarded here");
        rbk_diagnostic_help(diagnostic,
                            "Use `%.*s`: what `env(…)` gives is journalled and shown "
                            "like any value.",
                            RBK_STR_ARG(secret->name->name->text));
    }
}

/* The source under way. */
static struct scan scan_of(struct rbk_rules *rules)
{
    return (struct scan){
        .rules = rules, .text = rules->source->text.data, .bytes = rules->source->text.bytes};
}

void rbk_rule_160_stage(struct rbk_rules *rules, struct rbk_tree_statement *stage)
{
    struct scan scan = scan_of(rules);
    for (struct rbk_tree_statement *at = stage; at; at = rbk_statement_next(stage, at)) {
        if (at->clauses) {
            check_clauses(&scan, at);
        }
    }
}

void rbk_rule_160(struct rbk_rules *rules)
{
    const struct rbk_statements *head = rules->program->head;
    struct scan scan = scan_of(rules);
    struct rbk_map secrets;
    rbk_map_init(&secrets, &rules->compile->arena);
    for (uint32_t i = 0; i < head[RBK_STATEMENT_SECRET].count; i++) {
        struct rbk_str variable = variable_of(head[RBK_STATEMENT_SECRET].items[i]);
        if (variable.bytes) {
            rbk_map_set(&secrets, variable, head[RBK_STATEMENT_SECRET].items[i]);
        }
    }
    check_env(&scan, &secrets);
    for (uint32_t i = 0; i < head[RBK_STATEMENT_PARAM].count; i++) {
        const struct rbk_tree_statement *param = head[RBK_STATEMENT_PARAM].items[i];
        check_literal(&scan, param->name->name->text, param->value);
    }
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        if (!rules->program->files[i]->is_std) {
            rules->source = rules->program->files[i]->tree->source;
            scan = scan_of(rules);
            scan_text(&scan);
        }
    }
}
