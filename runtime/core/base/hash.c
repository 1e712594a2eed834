/*
 * SHA-256 through OpenSSL's EVP interface, the one its maintainers keep.
 */
#include "runtime/core/base/hash.h"

#include "runtime/core/base/assert.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGEST_BYTES 32

static void require(int succeeded)
{
    if (succeeded != 1) {
        (void)fputs("rbk: out of memory: the hash library failed\n", stderr);
        exit(3);
    }
}

static void to_hex(const unsigned char digest[DIGEST_BYTES], char out[RBK_SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * DIGEST_BYTES] = '\0';
}

void rbk_sha256_hex(const void *data, size_t bytes, char out[RBK_SHA256_HEX_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    require(EVP_Digest(bytes ? data : "", bytes, digest, NULL, EVP_sha256(), NULL));
    to_hex(digest, out);
}

void rbk_sha256_init(struct rbk_sha256 *hash)
{
    hash->context = EVP_MD_CTX_new();
    require(hash->context != NULL);
    require(EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
}

void rbk_sha256_restart(struct rbk_sha256 *hash)
{
    RBK_ASSERT(hash->context);
    require(EVP_DigestInit_ex2(hash->context, NULL, NULL));
}

void rbk_sha256_update(struct rbk_sha256 *hash, const void *data, size_t bytes)
{
    RBK_ASSERT(hash->context);
    if (bytes > 0) {
        require(EVP_DigestUpdate(hash->context, data, bytes));
    }
}

void rbk_sha256_final_hex(struct rbk_sha256 *hash, char out[RBK_SHA256_HEX_BYTES])
{
    RBK_ASSERT(hash->context);
    unsigned char digest[EVP_MAX_MD_SIZE];
    require(EVP_DigestFinal_ex(hash->context, digest, NULL));
    to_hex(digest, out);
}

void rbk_sha256_fini(struct rbk_sha256 *hash)
{
    EVP_MD_CTX_free(hash->context);
    hash->context = NULL;
}
