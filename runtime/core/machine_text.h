#ifndef RBK_RUNTIME_CORE_MACHINE_TEXT_H
#define RBK_RUNTIME_CORE_MACHINE_TEXT_H

/*
 * What the writer and the reader of machines share beside the fields: how a byte of a text is
 * escaped, and how the two hashes are taken. Internal to runtime/core.
 */

#include "runtime/core/base/hash.h"
#include "runtime/core/base/str.h"

#define RBK_MACHINE_HASH_DIGITS ((size_t)64)

/* Room for one byte as JSON writes it, a NUL included. */
#define RBK_JSON_ESCAPE_BYTES ((size_t)8)

/* A byte for the inside of a JSON string: "\n", "\"", "\u001F", or itself. @return Bytes written.
 */
size_t rbk_json_escape(char out[RBK_JSON_ESCAPE_BYTES], unsigned char byte);

struct rbk_machine;

/* Sets machine->hash, see machine.h. */
void rbk_machine_identify(struct rbk_machine *machine);

/* The integrity of a machine's text: its hash as if the RBK_MACHINE_HASH_DIGITS digits at
 * `hash_at`, which lie inside the text, were not there. */
void rbk_machine_hash_text(struct rbk_str text, size_t hash_at, char out[RBK_SHA256_HEX_BYTES]);

#endif
