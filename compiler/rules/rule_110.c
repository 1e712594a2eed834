/* RBK110: what a block does, by the times that are written, fits into its `within`. */
#include "compiler/rules/rules.h"
#include "compiler/times/times.h"

/* Lines of the longest path that are shown. */
#define STEPS_MAX 12
/* Characters of a step that are shown. */
#define WORDS_MAX 60

/* The longest path, step by step. */
static void list_path(struct rbk_rules *rules, struct rbk_diagnostic *diagnostic,
                      const struct rbk_program_stage *stage, const struct rbk_times_block *block)
{
    struct rbk_times *times = rbk_times_of(rules->compile);
    struct rbk_times_path path;
    char text[RBK_TIMES_TEXT_BYTES];
    rbk_times_path_of_block(times, stage, block, &path);
    uint32_t shown = 0;
    uint32_t steps = 0;
    for (uint32_t i = 0; i < path.count; i++) {
        const struct rbk_times_share *share = &path.items[i];
        if (share->ms == 0 || ++steps > STEPS_MAX) {
            continue;
        }
        struct rbk_str words = rbk_times_words(times, share->source, share->statement, WORDS_MAX);
        rbk_times_text(share->ms, text);
        shown++;
        if (share->turns > 1) {
            rbk_diagnostic_note(diagnostic, rbk_place_make(share->source, share->statement->head),
                                "%s: %.*s (%llu × %.*s)", text, RBK_STR_ARG(words),
                                (unsigned long long)share->turns, RBK_STR_ARG(share->how));
        } else {
            rbk_diagnostic_note(diagnostic, rbk_place_make(share->source, share->statement->head),
                                "%s: %.*s (%.*s)", text, RBK_STR_ARG(words),
                                RBK_STR_ARG(share->how));
        }
    }
    if (steps > shown) {
        rbk_diagnostic_note(diagnostic, rbk_place_none(), "and %u more steps", steps - shown);
    }
}

static void report_block(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                         const struct rbk_times_block *block)
{
    struct rbk_times *times = rbk_times_of(rules->compile);
    const struct rbk_tree_clause *within =
        rbk_tree_clause_find(block->statement, RBK_CLAUSE_WITHIN);
    struct rbk_str words = rbk_times_block_words(times, block->statement);
    char needs[RBK_TIMES_TEXT_BYTES];
    char limit[RBK_TIMES_TEXT_BYTES];
    const struct rbk_source *source = rules->source;
    rules->source = block->source;
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage, within->span, "the steps of `%.*s` may take %s, longer than its `within %s`",
        RBK_STR_ARG(words), rbk_times_text(block->inside.needs_ms, needs),
        rbk_times_text(block->within_ms, limit));
    rules->source = source;
    list_path(rules, diagnostic, stage, block);
    rbk_diagnostic_help(diagnostic,
                        "Shorten a timeout or drop an attempt on this path, or let the block take "
                        "longer: `within %s`.",
                        rbk_times_literal(block->inside.needs_ms, needs));
}

void rbk_rule_110(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    if (rules->facts_unknown) {
        return;
    }
    const struct rbk_stage_times *stage = rbk_times_stage(rbk_times_of(rules->compile), statement);
    for (uint32_t i = 0; i < stage->block_count; i++) {
        if (stage->blocks[i].inside.needs_ms > stage->blocks[i].within_ms) {
            report_block(rules, stage->stage, &stage->blocks[i]);
        }
    }
}
