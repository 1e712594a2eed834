/*
 * The form of tokens, and comparing them.
 */
#include "runtime/serve/token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/random.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static const char *const scope_names[] = {
#define X(constant, word) word,
    RBK_TOKEN_SCOPES(X)
#undef X
};

const char *rbk_token_scope_name(enum rbk_token_scope scope)
{
    return scope < RBK_TOKEN_SCOPE_COUNT ? scope_names[scope] : "?";
}

/* `count` characters of five bits each, from bytes enough for them. */
static void spell(const unsigned char *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

        out[i] = letters[pair >> (11 - bit % 8) & 31u];
    }
}

int rbk_token_make(char out[RBK_TOKEN_BYTES], struct rbk_error *reterr)
{
    /* 7 bytes for the id, 33 for the secret (260 bits), and one more each, which spell() looks at.
     */
    unsigned char random[8 + 34];
    char *at = out;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return rbk_error_set_system(reterr, RBK_EIO, errno, "no random numbers");
    }
    memcpy(at, "rbk_", 4);
    at += 4;
    spell(random, RBK_TOKEN_ID_CHARS, at);
    at += RBK_TOKEN_ID_CHARS;
    *at++ = '_';
    spell(random + 8, RBK_TOKEN_SECRET_CHARS, at);
    at[RBK_TOKEN_SECRET_CHARS] = '\0';
    OPENSSL_cleanse(random, sizeof(random));
    return 0;
}

bool rbk_token_read(struct rbk_str text, struct rbk_str *ret_id)
{
    if (text.bytes != RBK_TOKEN_BYTES - 1 || memcmp(text.data, "rbk_", 4) != 0 ||
        text.data[4 + RBK_TOKEN_ID_CHARS] != '_') {
        return false;
    }
    for (size_t i = 4; i < text.bytes; i++) {
        if (i != 4 + RBK_TOKEN_ID_CHARS &&
            (text.data[i] == '\0' || strchr(letters, text.data[i]) == NULL)) {
            return false;
        }
    }
    *ret_id = (struct rbk_str){text.data + 4, RBK_TOKEN_ID_CHARS};
    return true;
}

void rbk_token_hash(struct rbk_str text, char out[RBK_SHA256_HEX_BYTES])
{
    rbk_sha256_hex(text.data, text.bytes, out);
}

const char *rbk_token_useless(const struct rbk_store_token *token, int64_t now_ms)
{
    return token->revoked_ms != 0                                  ? "revoked"
           : token->expires_ms != 0 && token->expires_ms <= now_ms ? "expired"
                                                                   : NULL;
}

bool rbk_token_matches(const struct rbk_store_token *token, struct rbk_str text)
{
    char hash[RBK_SHA256_HEX_BYTES];

    rbk_token_hash(text, hash);
    return token->sha256.bytes == sizeof(hash) - 1 &&
           CRYPTO_memcmp(token->sha256.data, hash, sizeof(hash) - 1) == 0;
}

struct counting {
    int64_t now_ms;
    size_t count;
};

static int count_one(void *context, const struct rbk_store_token *token)
{
    struct counting *counting = context;

    counting->count += rbk_token_useless(token, counting->now_ms) == NULL;
    return 0;
}

int rbk_token_count(struct rbk_store *store, int64_t now_ms, size_t *ret_count,
                    struct rbk_error *reterr)
{
    struct counting counting = {.now_ms = now_ms};
    int error = rbk_store_each_token(store, count_one, &counting, reterr);

    *ret_count = counting.count;
    return error;
}
