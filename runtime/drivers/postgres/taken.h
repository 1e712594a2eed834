#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_TAKEN_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_TAKEN_H

/* How much has been read from a socket by a library that does not say so. */

#include <stdbool.h>
#include <stdint.h>

/** All bytes taken out of a TCP socket since it was connected: what the kernel got and does not
 * hold any more. @return false, nothing set: not known, as of a socket of this host's own kind. */
bool rbk_postgres_taken(int fd, uint64_t *ret_bytes);

#endif
