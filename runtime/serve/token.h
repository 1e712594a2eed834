#ifndef RBK_RUNTIME_SERVE_TOKEN_H
#define RBK_RUNTIME_SERVE_TOKEN_H

/*
 * A token: "rbk_" + id + "_" + secret, both in lower-case base32 (RFC 4648, a to z and 2 to 7). The
 * id (50 bits) names it in lists and logs; the secret has 256 random bits. The store keeps the
 * SHA-256 of the whole text. That is enough: with 256 random bits there is nothing to guess, so
 * nothing is gained by a slow hash.
 */

#include <stdbool.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/str.h"
#include "runtime/store/store.h"

#define RBK_TOKEN_ID_CHARS 10
#define RBK_TOKEN_SECRET_CHARS 52
/* "rbk_", id, "_", secret and NUL. */
#define RBK_TOKEN_BYTES (4 + RBK_TOKEN_ID_CHARS + 1 + RBK_TOKEN_SECRET_CHARS + 1)

/* What a token may do. X(constant, word in the store) */
#define RBK_TOKEN_SCOPES(X) \
    X(ALL, "all")           \
    X(READ, "read")         \
    X(ALERTS, "alerts")
#define X(constant, word) RBK_TOKEN_##constant,
enum rbk_token_scope { RBK_TOKEN_SCOPES(X) RBK_TOKEN_SCOPE_COUNT };
#undef X
const char *rbk_token_scope_name(enum rbk_token_scope scope);

/* A new one, from the system's random numbers. 0 or -RBK_EIO. Wipe `out` after use. */
RBK_MUST_USE int rbk_token_make(char out[RBK_TOKEN_BYTES], struct rbk_error *reterr);

/* Whether a text has the form of a token, and its id, which points into the text. */
bool rbk_token_read(struct rbk_str text, struct rbk_str *ret_id);

/* What the store keeps of it. */
void rbk_token_hash(struct rbk_str text, char out[RBK_SHA256_HEX_BYTES]);

/* Why a stored token is of no use now: NULL when it is; "expired", "revoked". */
const char *rbk_token_useless(const struct rbk_store_token *token, int64_t now_ms);

/* Whether a text is the token that the store keeps, in the same time wherever they differ. */
bool rbk_token_matches(const struct rbk_store_token *token, struct rbk_str text);

/* How many tokens are of use now. */
RBK_MUST_USE int rbk_token_count(struct rbk_store *store, int64_t now_ms, size_t *ret_count,
                                 struct rbk_error *reterr);

#endif
