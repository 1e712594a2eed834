/* What templates and conditions see of a run. */
#include "runtime/executor/run_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/value_text.h"
#include "runtime/core/variable.h"
#include "runtime/executor/variables.h"

uint32_t rbk_scope_stage(const struct rbk_run *run)
{
    return run->told_region != RBK_NONE && run->told_region != 0
               ? run->told_region
               : rbk_run_stage(run->replay->machine, run->replay->state);
}

static struct rbk_value variable(void *context, enum rbk_variable which)
{
    struct rbk_run *run = context;
    const struct rbk_variables variables = {.replay = run->replay,
                                            .run = rbk_str_from(run->id),
                                            .stage = rbk_scope_stage(run),
                                            .now_ms = rbk_run_clock_ms(run),
                                            .scope = &run->open_scope,
                                            .in_question = &run->in_question,
                                            .arena = &run->scratch};

    return rbk_variables_get(&variables, which);
}

static struct rbk_value window(void *context, uint32_t index)
{
    struct rbk_run *run = context;

    return rbk_watch_window(run->watch, index, uv_now(&run->loop));
}

static struct rbk_value secret(void *context, uint32_t index)
{
    struct rbk_run *run = context;

    return rbk_value_text(RBK_TYPE_SECRET, rbk_secrets_get(run->secrets, index));
}

void rbk_scope_open(struct rbk_run *run)
{
    run->open_scope = (struct rbk_scope){.machine = run->replay->machine,
                                         .slots = run->replay->slots,
                                         .params = run->replay->params,
                                         .baselines = run->replay->baselines,
                                         .context = run,
                                         .variable = variable,
                                         .window = window};
    run->scope = run->open_scope;
    run->scope.secret = secret;
}

/* A message that is too long is cut, after its secrets were taken out, between two characters. */
static struct rbk_str cut(struct rbk_arena *arena, struct rbk_str text)
{
    size_t bytes = RBK_MESSAGE_BYTES_MAX;

    if (text.bytes <= bytes) {
        return text;
    }
    while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xc0) == 0x80) {
        bytes--;
    }
    return rbk_arena_printf(arena, "%.*s …", (int)bytes, text.data);
}

struct rbk_str rbk_scope_text(struct rbk_run *run, uint32_t expr, struct rbk_arena *arena)
{
    struct rbk_scope scope = run->open_scope;
    struct rbk_value value;
    struct rbk_buffer printed;
    struct rbk_str result;

    scope.print_missing = true;
    if (expr == RBK_NONE || rbk_expr_evaluate(&scope, expr, arena, &value, NULL) != 0) {
        return (struct rbk_str){NULL, 0};
    }
    rbk_buffer_init(&printed, RBK_TEMPLATE_BYTES_MAX);
    rbk_value_print(&printed, value);
    result = cut(arena, rbk_secrets_redact(run->secrets, arena, rbk_buffer_str(&printed)));
    rbk_buffer_fini(&printed);
    return result;
}
