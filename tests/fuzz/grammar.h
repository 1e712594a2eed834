#ifndef RBK_TESTS_FUZZ_GRAMMAR_H
#define RBK_TESTS_FUZZ_GRAMMAR_H

/*
 * Plans from bytes: each byte is one choice among the rules of a grammar, so that changing a byte
 * changes a clause, a step or a stage, and what is left is still a plan.
 */

#include <stddef.h>
#include <stdint.h>

struct rbk_buffer;

/*
 * Append the plan that some choices stand for. Choices that are missing are the first alternative
 * each, which is the shortest; those left over are not looked at. The same choices give the same
 * plan. A plan that the buffer cannot hold is cut.
 */
void fuzz_generate(const uint8_t *choices, size_t count, struct rbk_buffer *out);

#endif
