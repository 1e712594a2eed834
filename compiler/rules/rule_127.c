/*
 * RBK127: what runs at the same time does not change the same thing. Two stages without an order
 * between them, or two branches of one `parallel`, must not both have effects on
 *
 *   - one connection (SQL; an action that is given the connection; Redis but for commands on
 *     different keys that are written out),
 *   - one thing by its name: two calls of actions of one module with the same text first
 *     (a deployment),
 *   - one file that both commands write to by its name.
 *
 * What a stage or branch touches is a list of keys; a key met again in another one is a breach.
 */
#include "compiler/rules/facts.h"
#include "compiler/rules/order.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/map.h"

/* One thing touched by one stage or branch. */
struct touch {
    const struct rbk_tree_statement *step;
    uint32_t owner;      /* Stage or branch, counted. */
    struct rbk_str what; /* For the message: "connection `db`". */
    struct touch *next;  /* Of the same key. */
};

/* The touches of one set of stages or branches. */
struct touches {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage; /* Of the branches; NULL for stages. */
    const struct rbk_stage_order *order;   /* Of the stages; NULL for branches. */
    struct rbk_map keys;                   /* Key -> struct touch, the latest first. */
    uint32_t owner;                        /* Under way. */
    bool reported;                         /* One finding for each stage or branch. */
};

static void report(const struct touches *touches, const struct touch *first,
                   const struct touch *second)
{
    struct rbk_rules *rules = touches->rules;
    const struct rbk_program_stage *stage = touches->stage;
    struct rbk_diagnostic *diagnostic;
    if (touches->order) {
        const struct rbk_statements *stages = rbk_rules_stages(rules);
        const struct rbk_tree_statement *a = stages->items[first->owner];
        const struct rbk_tree_statement *b = stages->items[second->owner];
        stage = rbk_program_stage_of(b);
        diagnostic = rbk_rule_report(rules, stage, second->step->head,
                                     "stages `%.*s` and `%.*s` touch %.*s at the same time",
                                     RBK_STR_ARG(a->name->name->text),
                                     RBK_STR_ARG(b->name->name->text), RBK_STR_ARG(second->what));
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, first->step->head),
                             "`%.*s` does here", RBK_STR_ARG(a->name->name->text));
        rbk_diagnostic_help(diagnostic, "Give them an order: `after %.*s` in `%.*s`.",
                            RBK_STR_ARG(a->name->name->text), RBK_STR_ARG(b->name->name->text));
    } else {
        diagnostic = rbk_rule_report(rules, stage, second->step->head,
                                     "two branches of a `parallel` touch %.*s at the same time",
                                     RBK_STR_ARG(second->what));
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, first->step->head),
                             "so does this branch");
        rbk_diagnostic_help(diagnostic, "Put them one after the other, or outside of the "
                                        "`parallel`. If they do not meet, say why: `allow RBK127 "
                                        "because \"…\"`.");
    }
}

/* Whether two owners can be under way at the same time. */
static bool meet(const struct touches *touches, uint32_t a, uint32_t b)
{
    return touches->order ? rbk_stage_concurrent(touches->order, a, b) : a != b;
}

/* Note that the owner under way touches something. @key tells it from all others. */
static void touch(struct touches *touches, const struct rbk_tree_statement *step,
                  struct rbk_str key, struct rbk_str what)
{
    struct rbk_arena *arena = &touches->rules->compile->arena;
    struct touch *first = rbk_map_get(&touches->keys, key);
    if (first && first->owner == touches->owner) {
        return;
    }
    struct touch *one = rbk_new(arena, struct touch);
    *one = (struct touch){.step = step, .owner = touches->owner, .what = what, .next = first};
    for (const struct touch *at = first; at && !touches->reported; at = at->next) {
        if (meet(touches, at->owner, touches->owner)) {
            report(touches, at, one);
            touches->reported = true;
        }
    }
    rbk_map_set(&touches->keys, key, one);
}

/* ---- what a step touches --------------------------------------------------------------------- */

static void touch_named(struct touches *touches, const struct rbk_tree_statement *step,
                        const char *kind, struct rbk_str scope, struct rbk_str name)
{
    struct rbk_arena *arena = &touches->rules->compile->arena;
    touch(touches, step,
          rbk_arena_printf(arena, "%s %.*s %.*s", kind, RBK_STR_ARG(scope), RBK_STR_ARG(name)),
          rbk_arena_printf(arena, "%s `%.*s`", kind, RBK_STR_ARG(name)));
}

static void touch_connection(struct touches *touches, const struct rbk_tree_statement *step,
                             const struct rbk_declaration *connection)
{
    if (connection && connection->kind == RBK_DECLARATION_CONNECTION) {
        touch_named(touches, step, "connection", RBK_STR(""), connection->name->text);
    }
}

/* The key of a Redis command when it is written out, or empty: `SET orders:mode on`. */
static struct rbk_str redis_key(const struct rbk_tree_expr *command)
{
    if (command->kind == RBK_EXPR_LIST) {
        const struct rbk_tree_expr *key = command->items ? command->items->next : NULL;
        return key && key->kind == RBK_EXPR_STRING && !key->has_parts ? key->text : RBK_STR("");
    }
    const struct rbk_tree_expr *text = command;
    if (command->kind == RBK_EXPR_STRING && command->has_parts) {
        text = command->parts;
    }
    if (text->kind != RBK_EXPR_STRING && text->kind != RBK_EXPR_TEXT) {
        return RBK_STR("");
    }
    struct rbk_str words = rbk_str_trim(text->text);
    size_t blank = rbk_str_find(words, ' ');
    struct rbk_str rest = rbk_str_trim(rbk_str_slice(words, blank, words.bytes));
    size_t end = rbk_str_find(rest, ' ');
    /* A key that goes up to a value may go on in it. */
    return end == rest.bytes && text != command ? RBK_STR("") : rbk_str_slice(rest, 0, end);
}

static void touch_redis(struct touches *touches, const struct rbk_tree_statement *step)
{
    const struct rbk_declaration *connection = step->name->ref;
    if (!connection || connection->kind != RBK_DECLARATION_CONNECTION) {
        return;
    }
    struct rbk_str key = redis_key(step->value);
    if (key.bytes) {
        touch_named(touches, step, "key", connection->name->text, key);
    } else {
        touch_connection(touches, step, connection);
    }
}

/* A call of an action: the connections it is given, and what it is told to work on. */
static void touch_action(struct touches *touches, const struct rbk_tree_statement *step)
{
    const struct rbk_tree_statement *action = rbk_fact_action(step);
    if (!action || !rbk_fact_changes(step)) {
        return;
    }
    for (const struct rbk_tree_argument *at = step->value->arguments; at; at = at->next) {
        if (at->value->kind == RBK_EXPR_NAME) {
            touch_connection(touches, step, at->value->ref);
        }
    }
    const struct rbk_tree_expr *first = rbk_call_value(step->value, 0);
    if (first && first->kind == RBK_EXPR_STRING && !first->has_parts) {
        const struct rbk_source *source = action->declaration->file->source;
        const struct rbk_tree_parameter *parameter = action->parameters;
        struct rbk_arena *arena = &touches->rules->compile->arena;
        touch(touches, step,
              rbk_arena_printf(arena, "argument %u %.*s", source->id, RBK_STR_ARG(first->text)),
              rbk_arena_printf(arena, "%.*s `%.*s`", RBK_STR_ARG(parameter->name.name->text),
                               RBK_STR_ARG(first->text)));
    }
}

/* Which words of a command name files that it writes to. */
enum writes { WRITES_NONE, WRITES_LAST, WRITES_ALL };

static enum writes writes_of(struct rbk_str command)
{
    static const struct {
        const char *command;
        enum writes writes;
    } table[] = {{"cp", WRITES_LAST},    {"ln", WRITES_LAST}, {"install", WRITES_LAST},
                 {"rsync", WRITES_LAST}, {"rm", WRITES_ALL},  {"mv", WRITES_ALL},
                 {"touch", WRITES_ALL},  {"tee", WRITES_ALL}, {"truncate", WRITES_ALL}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (rbk_str_is(command, table[i].command)) {
            return table[i].writes;
        }
    }
    return WRITES_NONE;
}

static void touch_file(struct touches *touches, const struct rbk_tree_statement *step,
                       struct rbk_str word)
{
    if (word.bytes && word.data[0] != '-') {
        touch_named(touches, step, "file", RBK_STR(""), word);
    }
}

/* `run "cp a b"`, `run ["rm", "b"]`: words with values in them are passed over. */
static void touch_files(struct touches *touches, const struct rbk_tree_statement *step)
{
    const struct rbk_tree_expr *value = step->value;
    enum writes writes = WRITES_NONE;
    struct rbk_str last = {NULL, 0};
    if (value->kind == RBK_EXPR_LIST) {
        for (const struct rbk_tree_expr *at = value->items; at; at = at->next) {
            bool literal = at->kind == RBK_EXPR_STRING && !at->has_parts;
            last = literal ? at->text : RBK_STR("");
            if (at == value->items) {
                writes = writes_of(last);
            } else if (writes == WRITES_ALL) {
                touch_file(touches, step, last);
            }
        }
    } else if (value->kind == RBK_EXPR_STRING && !value->has_parts) {
        struct rbk_str rest = rbk_str_trim(value->text);
        for (bool first = true; rest.bytes; first = false) {
            size_t end = rbk_str_find(rest, ' ');
            last = rbk_str_slice(rest, 0, end);
            rest = rbk_str_trim(rbk_str_slice(rest, end, rest.bytes));
            if (first) {
                writes = writes_of(last);
            } else if (writes == WRITES_ALL) {
                touch_file(touches, step, last);
            }
        }
    }
    if (writes == WRITES_LAST) {
        touch_file(touches, step, last);
    }
}

static void touch_step(struct touches *touches, const struct rbk_tree_statement *step)
{
    switch ((enum rbk_statement_kind)step->kind) {
    case RBK_STATEMENT_SQL:
        touch_connection(touches, step, step->name->ref);
        break;
    case RBK_STATEMENT_REDIS:
        touch_redis(touches, step);
        break;
    case RBK_STATEMENT_DO:
        touch_action(touches, step);
        break;
    case RBK_STATEMENT_RUN:
        touch_files(touches, step);
        break;
    default:
        break;
    }
}

/* ---- stages and branches --------------------------------------------------------------------- */

static void touch_all(struct touches *touches, struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        touch_step(touches, at);
    }
}

/* Every `parallel` below @root. */
static void check_branches(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        if (at->kind != RBK_STATEMENT_PARALLEL) {
            continue;
        }
        struct touches touches = {.rules = rules, .stage = stage};
        rbk_map_init(&touches.keys, &rules->compile->arena);
        for (struct rbk_tree_statement *branch = at->block->first; branch; branch = branch->next) {
            touches.reported = false;
            touch_all(&touches, branch);
            touches.owner++;
        }
    }
}

static void check_part(struct rbk_rules *rules, struct rbk_tree_statement *part)
{
    check_branches(rules, NULL, part);
}

void rbk_rule_127_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    check_branches(rules, rbk_program_stage_of(statement), statement);
}

static void check_stages(struct rbk_rules *rules)
{
    const struct rbk_stage_order *order = rbk_stage_order(rules);
    if (!order->has_concurrency || rules->unsound) {
        return;
    }
    struct touches touches = {.rules = rules, .order = order};
    rbk_map_init(&touches.keys, &rules->compile->arena);
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_program_stage *stage = rbk_program_stage_of(stages->items[i]);
        touches.owner = i;
        touches.reported = false;
        if (stage->prepare) {
            touch_all(&touches, stage->prepare);
        }
        if (stage->apply) {
            touch_all(&touches, stage->apply);
        }
    }
}

void rbk_rule_127(struct rbk_rules *rules)
{
    rbk_fact_each_part(rules, check_part);
    check_stages(rules);
}
