/*
 * Credentials written out in a text: what rule_160.c looks for, on the level of bytes.
 */
#ifndef RBK_COMPILER_RULES_CREDENTIAL_H
#define RBK_COMPILER_RULES_CREDENTIAL_H

#include "compiler/rules/rules.h"

#include <stdbool.h>
#include <stddef.h>

/** A source that is scanned. Its text is followed by NUL bytes, and holds none itself. */
struct rbk_credentials {
    struct rbk_rules *rules;
    const char *text; /**< Of rules->source. */
    size_t bytes;
    size_t reported; /**< What lies before this has been reported. */
};

/** The source under way of the rules. */
struct rbk_credentials rbk_credentials_of(struct rbk_rules *rules);

/** Look through the whole text: tokens by their shape, passwords by what stands before them. */
void rbk_credentials_scan(struct rbk_credentials *scan);

/** Report RBK160 for a range of the text, once. @what As in "a password". */
void rbk_credentials_report(struct rbk_credentials *scan, size_t start, size_t end,
                            const char *what);

/** Whether a value stands for itself: neither interpolated, nor a variable, nor a placeholder. */
bool rbk_credentials_is_literal(const struct rbk_credentials *scan, size_t start, size_t end);

/** Whether a value begins like a token that the scan finds by its shape. */
bool rbk_credentials_has_shape(const struct rbk_credentials *scan, size_t start);

/** Whether a name is that of something secret: `PGPASSWORD`, `api_token`. */
bool rbk_credentials_name(struct rbk_str name);

/** Whether a character belongs to a name or token. */
static inline bool rbk_credentials_is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

#endif
