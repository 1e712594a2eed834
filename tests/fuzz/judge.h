#ifndef RBK_TESTS_FUZZ_JUDGE_H
#define RBK_TESTS_FUZZ_JUDGE_H

/*
 * What every text that the compiler writes must be, whatever the plan says. Each function ends the
 * process, naming what is wrong, when its text is not so.
 */

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/** End the process as a finding: "fuzz: " and a message, then the text it is about. */
RBK_PRINTF(2, 3)
RBK_NORETURN void fuzz_fail(struct rbk_str text, const char *format, ...);

/** Valid UTF-8; no control characters but line ends and tabs, none that are invisible or change
 * the direction of others. */
void fuzz_judge_text(struct rbk_str text);

/**
 * Markdown as GitHub reads it. Besides fuzz_judge_text(): every fence and every span of code is
 * closed, and outside of them no `<` begins anything but what the compiler itself writes.
 */
void fuzz_judge_markdown(struct rbk_str text);

/** One page of HTML. Besides fuzz_judge_text(): only elements that the compiler writes, closed in
 * the order they were opened; `&` begins entities only. */
void fuzz_judge_html(struct rbk_str text);

/** One JSON object, without duplicate members. */
void fuzz_judge_json(struct rbk_str text);

/** Workflow commands of GitHub: behind `::group::` no line is a command but the one that ends it.
 */
void fuzz_judge_github(struct rbk_str text);

#endif
