/*
 * How long the exits of a plan take at worst: what exploration found, and the arithmetic of worst
 * cases, put together.
 */
#ifndef RBK_COMPILER_EXIT_TIMES_H
#define RBK_COMPILER_EXIT_TIMES_H

#include <stdint.h>

struct rbk_compile;
struct rbk_explore_exit;
struct rbk_machine;

/**
 * The longest it takes until what an exit leads to is rolled back and verified, stopping what is
 * under way included, in milliseconds; 0: nothing is rolled back.
 * @compile  Analysed; @machine its own, @row an exit of that machine.
 */
uint64_t rbk_exit_worst_ms(struct rbk_compile *compile, const struct rbk_machine *machine,
                           const struct rbk_explore_exit *row);

#endif
