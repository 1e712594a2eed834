/*
 * Asking libjq whether a filter compiles: by one rbk-filter-worker, which confines itself and
 * compiles each in a process of its own (runtime/core/filter_protocol.h).
 *
 * It is started with the first question, without an environment and with no file but the channel,
 * and killed when the judge is done, when it does not answer, or when it answers something else.
 * Then nobody is asked any more: a question never waits longer than RBK_FILTER_ANSWER_MS_MAX, and
 * those of one plan together no longer than RBK_FILTER_JUDGE_MS_MAX.
 */
#ifndef RBK_COMPILER_FILTER_JUDGE_H
#define RBK_COMPILER_FILTER_JUDGE_H

#include "runtime/core/base/str.h"
#include "runtime/core/filter_protocol.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Processor time for one filter; libjq takes 40 ms, whatever the filter. */
#define RBK_FILTER_PROCESSOR_MS_MAX 2000u
/** How long one answer may take. */
#define RBK_FILTER_ANSWER_MS_MAX 10000u
/** How long all answers for one plan may take, from its first question on. */
#define RBK_FILTER_JUDGE_MS_MAX 30000u

/** The caller's memory; private to filter_judge.c but for `answer_ms`,
 * which may be set before the first question, `missing` and `gone`. */
struct rbk_filter_judge {
    pid_t worker;         /**< 0: not running. */
    int channel;          /**< While it runs. */
    uint32_t answer_ms;   /**< RBK_FILTER_ANSWER_MS_MAX, or less. */
    uint64_t deadline_ms; /**< For the answers of a plan; 0: nothing was asked for it. */
    bool missing;         /**< Nobody can be asked because there is no such program. */
    char gone[160];       /**< Why nobody can be asked any more; empty while somebody can. */
};

/** What there is to say of a filter. */
enum rbk_filter_answer {
    RBK_FILTER_ANSWER_FINE,    /**< It compiles. */
    RBK_FILTER_ANSWER_REFUSED, /**< It does not; the message is libjq's. */
    RBK_FILTER_ANSWER_ENDED,   /**< Compiling it ended the process; the message says how. */
    RBK_FILTER_ANSWER_NONE,    /**< Nobody can be asked; judge->gone says why. */
};

/** Starts nothing. */
void rbk_filter_judge_init(struct rbk_filter_judge *judge);

/** The questions that follow are of another plan, with time of their own. */
void rbk_filter_judge_begin_plan(struct rbk_filter_judge *judge);

/** End the worker. */
void rbk_filter_judge_fini(struct rbk_filter_judge *judge);

/**
 * Ask whether a filter compiles.
 * @program     At most RBK_FILTER_PROGRAM_BYTES_MAX, without NUL.
 * @ret_message Any bytes, NUL-terminated: what a hostile filter made of libjq may have written it.
 */
enum rbk_filter_answer rbk_filter_judge_ask(struct rbk_filter_judge *judge, struct rbk_str program,
                                            char ret_message[RBK_FILTER_MESSAGE_BYTES_MAX]);

#endif
