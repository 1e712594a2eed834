/*
 * A text is looked at as bytes, once: tokens that can be told by their shape, and passwords by what
 * stands before them. Nobody can waive RBK160, so what is only likely is left alone: a password
 * must be written out, without `${}`, and a placeholder (`<password>`, `***`) is none.
 */
#include "compiler/rules/credential.h"

#include <string.h>

/* Bytes that are looked at from one place on, so that no text takes longer than its length. */
#define REACH_BYTES_MAX ((size_t)160)

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
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

void rbk_credentials_report(struct rbk_credentials *scan, size_t start, size_t end,
                            const char *what)
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
static size_t token_end(const struct rbk_credentials *scan, size_t at)
{
    size_t last = at + REACH_BYTES_MAX;
    while (at < last && rbk_credentials_is_token(scan->text[at])) {
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
static void check_shape(struct rbk_credentials *scan, size_t at, const struct shape *shape)
{
    size_t prefix = strlen(shape->prefix);
    if (strncmp(scan->text + at, shape->prefix, prefix) != 0) {
        return;
    }
    if (!shape->more) {
        size_t left = scan->bytes - at;
        size_t rest = left < REACH_BYTES_MAX ? left : REACH_BYTES_MAX;
        const char *line = memchr(scan->text + at, '\n', rest);
        size_t end = line ? (size_t)(line - scan->text) : at + rest;
        if (memmem(scan->text + at, end - at, "PRIVATE KEY-----", 16)) {
            rbk_credentials_report(scan, at, end, shape->what);
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
        rbk_credentials_report(scan, at, end, shape->what);
    }
}

/* Which characters begin one of the shapes. */
static bool begins_shape(char c)
{
    return c == 'A' || c == 'g' || c == 'x' || c == 's' || c == 'r' || c == 'n' || c == 'h' ||
           c == '-';
}

static void check_shapes(struct rbk_credentials *scan, size_t at)
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

bool rbk_credentials_is_literal(const struct rbk_credentials *scan, size_t start, size_t end)
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

static size_t value_end(const struct rbk_credentials *scan, size_t at)
{
    size_t last = at + REACH_BYTES_MAX;
    while (at < scan->bytes && at < last && !strchr(" \t\r\n\"'`&;,|)]}\\", scan->text[at])) {
        at++;
    }
    return at;
}

/* A value at @start behind a word that ends at @key_end. */
static void check_value(struct rbk_credentials *scan, size_t key_end, size_t start)
{
    static const struct {
        const char *word;
        size_t value_bytes; /* So long a value must be, and have a digit in it. */
    } words[] = {{"password", 0}, {"passwd", 0},     {"pgpassword", 0}, {"passphrase", 0},
                 {"token", 12},   {"secret", 12},    {"api_key", 12},   {"apikey", 12},
                 {"api-key", 12}, {"secret_key", 12}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!ends_with(scan->text, key_end, words[i].word)) {
            continue;
        }
        size_t end = value_end(scan, start);
        bool digit = !words[i].value_bytes;
        for (size_t k = start; k < end && !digit; k++) {
            digit = is_digit(scan->text[k]);
        }
        if (digit && end > start && end - start >= words[i].value_bytes &&
            scan->text[start] != '=' && rbk_credentials_is_literal(scan, start, end) &&
            !memchr(scan->text + start, '/', end - start)) {
            rbk_credentials_report(scan, start, end,
                                   words[i].value_bytes ? "a key or token" : "a password");
            return;
        }
    }
}

/* `…password=VALUE`, at the `=`: in a command, an address, a connection string. */
static void check_assignment(struct rbk_credentials *scan, size_t at)
{
    check_value(scan, at, at + 1 + (scan->text[at + 1] == '\''));
}

/* `"password": "VALUE"` in JSON, at the colon. */
static void check_member(struct rbk_credentials *scan, size_t at)
{
    size_t start = at + 1;
    while (scan->text[start] == ' ') {
        start++;
    }
    if (at && scan->text[at - 1] == '"' && scan->text[start] == '"') {
        check_value(scan, at - 1, start + 1);
    }
}

/* `scheme://user:password@host`, at the `:` before the slashes. */
static void check_address(struct rbk_credentials *scan, size_t at)
{
    if (!at || !is_letter(scan->text[at - 1])) {
        return;
    }
    size_t colon = 0;
    for (size_t i = at + 3; i < scan->bytes && i < at + REACH_BYTES_MAX; i++) {
        char c = scan->text[i];
        if (c == '@') {
            if (colon && rbk_credentials_is_literal(scan, colon + 1, i)) {
                rbk_credentials_report(scan, colon + 1, i, "a password");
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

/* The six bits of a character of base64; 64 for others. */
static unsigned base64_bits(char c)
{
    return c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
           : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 26
           : is_digit(c)          ? (unsigned)(c - '0') + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : 64;
}

/* Whether a text is the base64 of `user:password`; "authentication" is not. */
static bool is_user_and_password(const struct rbk_credentials *scan, size_t start, size_t end)
{
    unsigned bits = 0;
    unsigned count = 0;
    bool colon = false;
    for (size_t at = start; at < end && scan->text[at] != '='; at++) {
        unsigned value = base64_bits(scan->text[at]);
        if (value == 64) {
            return false;
        }
        bits = (bits << 6 | value) & 0xfff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            unsigned byte = bits >> count & 0xff;
            colon |= byte == ':';
            if (byte < 0x20 || byte > 0x7e) {
                return false;
            }
        }
    }
    return colon;
}

/* `Bearer VALUE`, `Basic VALUE`, wherever they stand. */
static void check_authorization(struct rbk_credentials *scan, size_t at)
{
    static const char *const schemes[] = {"Bearer ", "Basic "};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t start = at + strlen(schemes[i]);
        if (strncmp(scan->text + at, schemes[i], strlen(schemes[i])) != 0) {
            continue;
        }
        size_t end = start;
        while (end < scan->bytes && end < start + REACH_BYTES_MAX &&
               (rbk_credentials_is_token(scan->text[end]) || strchr("+/.=~", scan->text[end]))) {
            end++;
        }
        bool fits = i == 1 && is_user_and_password(scan, start, end);
        for (size_t k = start; k < end && i == 0; k++) {
            fits |= is_digit(scan->text[k]) || scan->text[k] == '=';
        }
        if (end - start >= 12 && fits && rbk_credentials_is_literal(scan, start, end)) {
            rbk_credentials_report(scan, start, end, "the credential of an `Authorization`");
        }
    }
}

/* `PASSWORD 'VALUE'`, `IDENTIFIED BY 'VALUE'` in SQL, at the quote. */
static void check_sql(struct rbk_credentials *scan, size_t at)
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
    if (end > at + 1 && !memchr(scan->text + at, '\n', end - at) &&
        rbk_credentials_is_literal(scan, at + 1, end)) {
        rbk_credentials_report(scan, at + 1, end, "a password");
    }
}

/* ---- passwords that a program takes as an argument ------------------------------------------- */

/* Programs whose option takes a password, or `user:password`. */
static const struct {
    const char *program;
    const char *option;
    bool behind_colon; /* The password stands behind the first colon of the argument. */
} arguments[] = {
    {"curl", "-u", true},        {"curl", "--user", true},   {"curl", "--proxy-user", true},
    {"sshpass", "-p", false},    {"redis-cli", "-a", false}, {"redis-cli", "--pass", false},
    {"ldapsearch", "-w", false},
};

/* Whether a word of the same line before @at is @word: `curl -s …`, `["curl", "-s"`, `/bin/curl`.
 */
static bool stands_before(const struct rbk_credentials *scan, size_t at, const char *word)
{
    size_t bytes = strlen(word);
    size_t first = at > REACH_BYTES_MAX ? at - REACH_BYTES_MAX : 0;
    for (size_t i = at; i-- > first && scan->text[i] != '\n';) {
        bool begins = i == 0 || !rbk_credentials_is_token(scan->text[i - 1]);
        if (begins && strncmp(scan->text + i, word, bytes) == 0 &&
            !rbk_credentials_is_token(scan->text[i + bytes])) {
            return true;
        }
    }
    return false;
}

/* An option at its first dash: `-u admin:VALUE`, `--user=admin:VALUE`, `"-u", "admin:VALUE"`. */
static void check_argument(struct rbk_credentials *scan, size_t at)
{
    if (at == 0 || !strchr(" \t\"'", scan->text[at - 1])) {
        return;
    }
    for (size_t i = 0; i < RBK_COUNT(arguments); i++) {
        size_t option_end = at + strlen(arguments[i].option);
        size_t start = option_end;
        if (strncmp(scan->text + at, arguments[i].option, option_end - at) != 0 ||
            !scan->text[start] || !strchr(" \"'=", scan->text[start])) {
            continue;
        }
        while (start < option_end + 6 && scan->text[start] && strchr(" \"',=", scan->text[start])) {
            start++;
        }
        size_t end = value_end(scan, start);
        const char *colon = memchr(scan->text + start, ':', end - start);
        size_t password =
            arguments[i].behind_colon && colon ? (size_t)(colon - scan->text) + 1 : start;
        if ((colon || !arguments[i].behind_colon) && password < end &&
            !memchr(scan->text + start, '$', end - start) &&
            rbk_credentials_is_literal(scan, password, end) &&
            stands_before(scan, at, arguments[i].program)) {
            rbk_credentials_report(scan, password, end, "a password");
            return;
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

void rbk_credentials_scan(struct rbk_credentials *scan)
{
    for (size_t at = 0; at < scan->bytes; at++) {
        char c = scan->text[at];
        if (c == '=') {
            check_assignment(scan, at);
        } else if (c == ':') {
            if (scan->text[at + 1] == '/' && scan->text[at + 2] == '/') {
                check_address(scan, at);
            } else {
                check_member(scan, at);
            }
        } else if (c == 'B') {
            check_authorization(scan, at);
        } else if (c == '\'') {
            check_sql(scan, at);
        } else if (begins_shape(c)) {
            check_shapes(scan, at);
            if (c == '-') {
                check_argument(scan, at);
            }
        }
    }
}

bool rbk_credentials_name(struct rbk_str name)
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

bool rbk_credentials_has_shape(const struct rbk_credentials *scan, size_t start)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strncmp(scan->text + start, shapes[i].prefix, strlen(shapes[i].prefix)) == 0) {
            return true;
        }
    }
    return false;
}

struct rbk_credentials rbk_credentials_of(struct rbk_rules *rules)
{
    return (struct rbk_credentials){
        .rules = rules, .text = rules->source->text.data, .bytes = rules->source->text.bytes};
}
