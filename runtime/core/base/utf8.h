/*
 * UTF-8: validation, decoding and counting, strict as RFC 3629 (no overlong forms, no surrogates,
 * nothing above U+10FFFF).
 */
#ifndef RBK_RUNTIME_CORE_BASE_UTF8_H
#define RBK_RUNTIME_CORE_BASE_UTF8_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Decodes the character at a byte offset inside the string.
 * @ret_character  May be NULL; the code point, written on success only.
 * @return its length, 1 to 4 bytes, or 0 when the bytes there are not valid or the string ends.
 */
RBK_MUST_USE size_t rbk_utf8_decode(struct rbk_str str, size_t offset, uint32_t *ret_character);

/**
 * Whether the whole string is valid. NUL bytes are valid characters here.
 * @ret_offset  May be NULL; where the first bad byte is, written on false only.
 */
RBK_MUST_USE bool rbk_utf8_valid(struct rbk_str str, size_t *ret_offset);

/** The number of characters; each byte that is not part of a valid one counts as one. */
size_t rbk_utf8_count(struct rbk_str str);

/** Writes a code point as 1 to 4 bytes (no NUL); 0, and nothing written, when it is not valid. */
RBK_MUST_USE size_t rbk_utf8_encode(uint32_t character, char out[4]);

#endif
