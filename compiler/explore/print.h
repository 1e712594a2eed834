/*
 * What was found by exploration, for people and for programs.
 */
#ifndef RBK_COMPILER_EXPLORE_PRINT_H
#define RBK_COMPILER_EXPLORE_PRINT_H

#include <stdint.h>

struct rbk_buffer;
struct rbk_explore_result;
struct rbk_machine;

/** Append the verdict, stories and the exit table as text. Failure sticks in @out. */
void rbk_explore_print(const struct rbk_machine *machine, const struct rbk_explore_result *result,
                       struct rbk_buffer *out);

/** Append the same as one JSON object and a line end; its fields are described in rbkc(1). */
void rbk_explore_print_json(const struct rbk_machine *machine,
                            const struct rbk_explore_result *result, struct rbk_buffer *out);

/** Append "completed, stuck": the statuses of a set. */
void rbk_explore_print_statuses(uint32_t statuses, struct rbk_buffer *out);

/** Append a duration as a plan spells it: "1h30m". */
void rbk_explore_print_duration(uint64_t ms, struct rbk_buffer *out);

#endif
