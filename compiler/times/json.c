/*
 * What `rbkc times --format json` prints; docs/times.schema.json describes it. Times are whole
 * milliseconds. The first number of format_version grows when a reader of this version could go
 * wrong, the second when something is added.
 */
#include "compiler/times/times.h"
#include "compiler/times/walk.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"

#include <jansson.h>
#include <stdlib.h>

#define FORMAT_VERSION "1.0"

static json_t *text(struct rbk_str str)
{
    return json_stringn(str.data, str.bytes);
}

static json_t *milliseconds(uint64_t ms)
{
    return json_integer((json_int_t)ms);
}

static json_t *worst_json(struct rbk_worst worst)
{
    return json_pack("{so, so, so}", "ok_ms", milliseconds(worst.ok_ms), "end_ms",
                     milliseconds(worst.end_ms), "stop_ms", milliseconds(worst.stop_ms));
}

static json_t *blocks_json(struct rbk_times *times, const struct rbk_stage_times *stage)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < stage->block_count; i++) {
        const struct rbk_times_block *block = &stage->blocks[i];
        json_array_append_new(list, json_pack("{so, so, so, sb}", "block",
                                              text(rbk_times_block_words(times, block->statement)),
                                              "within_ms", milliseconds(block->within_ms),
                                              "written_ms", milliseconds(block->inside.needs_ms),
                                              "open", (int)block->inside.open));
    }
    return list;
}

static json_t *strategies_json(struct rbk_times *times, const struct rbk_stage_times *stage)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < stage->strategy_count; i++) {
        json_t *strategy = worst_json(stage->strategies[i]);
        json_object_set_new(strategy, "strategy",
                            text(rbk_times_block_words(times, stage->stage->rollbacks.items[i])));
        json_array_append_new(list, strategy);
    }
    return list;
}

static json_t *stage_json(struct rbk_times *times, const struct rbk_tree_statement *statement)
{
    static const char *const parts[RBK_TIMES_PARTS] = {"require", "approve", "prepare", "apply",
                                                       "verify"};
    const struct rbk_stage_times *stage = rbk_times_stage(times, statement);
    json_t *json = json_object();
    json_object_set_new(json, "stage",
                        text(statement->kind == RBK_STATEMENT_RETIRE
                                 ? RBK_STR("retire")
                                 : statement->name->name->text));
    if (stage->stage->kind) {
        json_object_set_new(json, "kind", text(stage->stage->kind->name->name->text));
        json_object_set_new(json, "guideline_ms", milliseconds(stage->guideline_ms));
    }
    for (int i = 0; i < RBK_TIMES_PARTS; i++) {
        json_object_set_new(json, parts[i], worst_json(stage->parts[i]));
    }
    json_object_set_new(json, "forward", worst_json(stage->forward));
    json_object_set_new(json, "back_ms", milliseconds(stage->back_ms));
    json_object_set_new(json, "strategies", strategies_json(times, stage));
    json_object_set_new(json, "blocks", blocks_json(times, stage));
    return json;
}

static json_t *stages_json(struct rbk_times *times, enum rbk_statement_kind kind)
{
    const struct rbk_statements *stages = &times->program->head[kind];
    json_t *list = json_array();
    for (uint32_t i = 0; i < stages->count; i++) {
        json_array_append_new(list, stage_json(times, stages->items[i]));
    }
    return list;
}

static json_t *point_json(struct rbk_times *times, const struct rbk_abort_point *point)
{
    static const char *const kinds[] = {"head", "prepare", "stage", "applied"};
    const struct rbk_statements *stages = &times->program->head[RBK_STATEMENT_STAGE];
    bool of_stage = point->kind == RBK_POINT_EARLY || point->kind == RBK_POINT_STAGE;
    return json_pack("{ss, so*, so, so, so, so}", "at", kinds[point->kind], "stage",
                     of_stage ? text(stages->items[point->stage]->name->name->text) : NULL,
                     "stop_ms", milliseconds(point->stop_ms), "back_ms",
                     milliseconds(point->back_ms), "release_ms", milliseconds(point->release_ms),
                     "total_ms", milliseconds(point->total_ms));
}

static json_t *path_json(struct rbk_times *times, const struct rbk_times_path *path)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < path->count; i++) {
        const struct rbk_times_share *share = &path->items[i];
        json_t *json = json_pack("{so, so, sI}", "ms", milliseconds(share->ms), "why",
                                 text(share->how), "turns", (json_int_t)share->turns);
        if (share->statement) {
            struct rbk_position position =
                rbk_source_position(share->source, share->statement->head.start);
            json_object_set_new(
                json, "statement",
                text(rbk_times_words(times, share->source, share->statement, UINT32_MAX)));
            json_object_set_new(json, "file", text(rbk_times_file(times, share->source)));
            json_object_set_new(json, "line", json_integer(position.line));
        }
        json_array_append_new(list, json);
    }
    return list;
}

/* The longest point, with the strategies it goes through and their steps. */
static json_t *longest_json(struct rbk_times *times, const struct rbk_abort_point *point)
{
    uint32_t count;
    const struct rbk_times_leg *legs = rbk_times_way_back(times, point, &count);
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct rbk_program_stage *stage = legs[i].stage->stage;
        struct rbk_times_path path;
        rbk_times_path_of_strategy(times, stage, legs[i].strategy, legs[i].fails, &path);
        json_array_append_new(
            list,
            json_pack("{so, so, sb, so, so}", "stage", text(stage->statement->name->name->text),
                      "strategy",
                      text(rbk_times_block_words(times, stage->rollbacks.items[legs[i].strategy])),
                      "fails", (int)legs[i].fails, "ms", milliseconds(legs[i].ms), "steps",
                      path_json(times, &path)));
    }
    json_t *json = point_json(times, point);
    json_object_set_new(json, "way_back", list);
    return json;
}

static json_t *assumed_json(const struct rbk_times *times)
{
    const struct rbk_statements *assumed = rbk_times_assumed(times);
    json_t *list = json_array();
    for (uint32_t i = 0; i < assumed->count; i++) {
        json_array_append_new(list, text(assumed->items[i]->name->name->text));
    }
    return list;
}

int rbk_times_print_json(struct rbk_times *times, struct rbk_buffer *out)
{
    const struct rbk_abort_points *points = rbk_times_points(times);
    const struct rbk_tree_statement *limit =
        rbk_program_head(times->program, RBK_STATEMENT_ROLLBACK_WITHIN);
    const struct rbk_tree_clause *within =
        limit ? rbk_tree_clause_find(limit, RBK_CLAUSE_WITHIN) : NULL;
    json_t *list = json_array();
    for (uint32_t i = 0; i < points->count; i++) {
        json_array_append_new(list, point_json(times, &points->items[i]));
    }
    json_t *json = json_pack(
        "{ss, so, so, so*, so, so, so, so, so}", "format_version", FORMAT_VERSION, "plan",
        text(times->program->plan->name->name->text), "forward_ms",
        milliseconds(rbk_times_forward_ms(times)), "rollback_within_ms",
        within ? milliseconds(rbk_clause_duration_ms(within)) : NULL, "stages",
        stages_json(times, RBK_STATEMENT_STAGE), "retire", stages_json(times, RBK_STATEMENT_RETIRE),
        "abort_points", list, "longest", longest_json(times, &points->items[points->worst]),
        "assumed_params", assumed_json(times));
    char *dump = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (!dump) {
        return -RBK_ENOMEM;
    }
    rbk_buffer_append_text(out, dump);
    rbk_buffer_append_byte(out, '\n');
    free(dump);
    return out->error;
}
