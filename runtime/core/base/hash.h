/*
 * SHA-256, as the lower-case hexadecimal text that machines, journals and evidence carry.
 */
#ifndef RBK_RUNTIME_CORE_BASE_HASH_H
#define RBK_RUNTIME_CORE_BASE_HASH_H

#include <stddef.h>

/** Bytes of a hash in hexadecimal, its NUL included. */
#define RBK_SHA256_HEX_BYTES 65

/**
 * The hash of a block, as 64 hexadecimal digits and NUL. A failure of the library, which is out of
 * memory in practice, ends the process with a message: there is nothing to go on with.
 * @data  May be NULL when bytes is 0.
 */
void rbk_sha256_hex(const void *data, size_t bytes, char out[RBK_SHA256_HEX_BYTES]);

/** A hash under way; the caller's memory, set up by rbk_sha256_init(). */
struct rbk_sha256 {
    void *context; /**< Owned library object; NULL before init and after fini. */
};

/** Starts a hash; every start needs an rbk_sha256_fini(). Failures end the process, as above. */
void rbk_sha256_init(struct rbk_sha256 *hash);

/** Begins again with nothing, whatever became of the last one; costs less than another init. */
void rbk_sha256_restart(struct rbk_sha256 *hash);

/** Adds bytes. */
void rbk_sha256_update(struct rbk_sha256 *hash, const void *data, size_t bytes);

/** Writes the hash of all bytes added; afterwards only restart or fini may follow. */
void rbk_sha256_final_hex(struct rbk_sha256 *hash, char out[RBK_SHA256_HEX_BYTES]);

/** Frees the library object; a zeroed or finished hash is fine. */
void rbk_sha256_fini(struct rbk_sha256 *hash);

#endif
