/*
 * The pages of the rules, docs/rules/RBKnnn.md, as they were when the compiler was built: nothing
 * is read from disk to explain a code.
 *
 * A page begins with `# RBKnnn: …`; its sections `## Bad` and `## Good` each hold one whole plan in
 * a block marked `rbk`. The table is written by cmake/rule_pages.cmake.
 */
#ifndef RBK_COMPILER_RULES_PAGE_H
#define RBK_COMPILER_RULES_PAGE_H

#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_buffer;

/** One page. */
struct rbk_rule_page {
    uint16_t code;       /**< 121 is RBK121. */
    struct rbk_str text; /**< The whole file, Markdown; ends in NUL (not counted). */
};

/** All pages, ascending by code. */
const struct rbk_rule_page *rbk_rule_pages(uint32_t *ret_count);

/** The page of a code, or NULL. */
const struct rbk_rule_page *rbk_rule_page_find(unsigned code);

/** The title of a page: what stands after `# RBKnnn: `. */
struct rbk_str rbk_rule_page_title(const struct rbk_rule_page *page);

/** The plan of the section `## Bad` or (@good) `## Good`; empty when the page has none. */
struct rbk_str rbk_rule_page_plan(const struct rbk_rule_page *page, bool good);

/** Write a page as a terminal shows it: no marks of headings and blocks, plans indented. */
void rbk_rule_page_print(const struct rbk_rule_page *page, struct rbk_buffer *buffer);

/**
 * The number in `RBK121`, `rbk121` or `121`.
 * @return 0 when the text is not spelled like a code.
 */
unsigned rbk_rule_page_code(struct rbk_str text);

#endif
