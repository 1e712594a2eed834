#ifndef RBK_RUNTIME_SERVE_SPOOL_H
#define RBK_RUNTIME_SERVE_SPOOL_H

/*
 * Texts that are too many to be kept in memory, in a file that has no name and is gone with the
 * process: any of them is read back by its number, at the cost of one read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"

/* The caller's memory. Zero is not enough: rbk_spool_init(). */
struct rbk_spool {
    int file;       /* -1: none yet */
    bool lost;      /* there was no room: nothing can be read back any more */
    uint64_t *ends; /* owned: where each text ends in the file */
    size_t count, capacity;
    uint64_t bytes;            /* of all texts */
    struct rbk_buffer pending; /* the last of them, not written yet */
};

void rbk_spool_init(struct rbk_spool *spool);
void rbk_spool_fini(struct rbk_spool *spool);
/* The next text. Where it cannot be kept, all of them are lost. */
void rbk_spool_add(struct rbk_spool *spool, const char *text, size_t bytes);
/* Give up what is kept, and whatever comes. */
void rbk_spool_lose(struct rbk_spool *spool);
/*
 * Append text number `index`, counted from 0, to a buffer.
 * @return 0; -RBK_EFULL (they are lost), -RBK_EIO, -RBK_ENOMEM, and the buffer is as it was.
 */
RBK_MUST_USE int rbk_spool_read(struct rbk_spool *spool, size_t index, struct rbk_buffer *out,
                                struct rbk_error *reterr);

#endif
