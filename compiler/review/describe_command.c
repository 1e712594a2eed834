/*
 * Programs of a machine put back into text: what a template will be once its values are known, with
 * the values' names in their places.
 *
 * A program is run on texts instead of values. Whatever is more than putting texts together (an
 * arithmetic operation, a reading) is shown as the plan spelt it, which the machine keeps.
 */
#include "compiler/review/describe.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

#include <string.h>

#define TEXT_BYTES_MAX RBK_SQL_FILE_BYTES_MAX

/* A program being put together; texts live in the arena. */
struct stack {
    struct rbk_str items[RBK_STACK_MAX];
    size_t count;
    bool given_up; /* Something other than texts put together. */
};

static void push(struct stack *stack, struct rbk_str text)
{
    if (stack->count == RBK_STACK_MAX) {
        stack->given_up = true;
        return;
    }
    stack->items[stack->count++] = text;
}

static struct rbk_str constant_text(const struct rbk_describe *describe, uint32_t index)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_value_print(&text, describe->machine->constants[index]);
    struct rbk_str result = rbk_arena_copy(describe->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return result;
}

/* The name of a slot behind its last dot: `migrate.leads_before` is `leads_before` in the plan. */
static struct rbk_str bare_name(struct rbk_str name)
{
    size_t start = name.bytes;
    while (start > 0 && name.data[start - 1] != '.') {
        start--;
    }
    return rbk_str_slice(name, start, name.bytes);
}

static void concatenate(const struct rbk_describe *describe, struct stack *stack, uint32_t count)
{
    struct rbk_buffer text;
    if (count > stack->count) {
        stack->given_up = true;
        return;
    }
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    for (size_t i = stack->count - count; i < stack->count; i++) {
        (void)rbk_buffer_append_str(&text, stack->items[i]);
    }
    stack->count -= count;
    push(stack, rbk_arena_copy(describe->arena, rbk_buffer_str(&text)));
    rbk_buffer_fini(&text);
}

/* `${hosts}` and `1` give `${hosts[1]}`. */
static void take_item(const struct rbk_describe *describe, struct stack *stack)
{
    if (stack->count < 2) {
        stack->given_up = true;
        return;
    }
    struct rbk_str index = stack->items[--stack->count];
    struct rbk_str list = stack->items[--stack->count];
    bool wrapped = rbk_str_starts(list, RBK_STR("${")) && rbk_str_ends(list, RBK_STR("}"));
    push(stack,
         rbk_arena_printf(describe->arena, "${%.*s[%.*s]}",
                          RBK_STR_ARG(wrapped ? rbk_str_slice(list, 2, list.bytes - 1) : list),
                          RBK_STR_ARG(index)));
}

static void run_code(const struct rbk_describe *describe, struct stack *stack,
                     struct rbk_op_code code)
{
    const struct rbk_machine *machine = describe->machine;
    switch (code.op) {
    case RBK_OP_CONST:
        push(stack, constant_text(describe, code.operand));
        return;
    case RBK_OP_SLOT:
        push(stack, rbk_arena_printf(describe->arena, "${%.*s}",
                                     RBK_STR_ARG(bare_name(machine->slots[code.operand].name))));
        return;
    case RBK_OP_PARAM:
        push(stack, rbk_arena_printf(describe->arena, "${%.*s}",
                                     RBK_STR_ARG(machine->params[code.operand].name)));
        return;
    case RBK_OP_SECRET:
        push(stack, rbk_arena_printf(describe->arena, "${secret %.*s}",
                                     RBK_STR_ARG(machine->secrets[code.operand].name)));
        return;
    case RBK_OP_VARIABLE:
        push(stack, rbk_arena_printf(describe->arena, "${%s}",
                                     rbk_variable_name((enum rbk_variable)code.operand)));
        return;
    case RBK_OP_CONCAT:
        concatenate(describe, stack, code.operand);
        return;
    case RBK_OP_ITEM:
        take_item(describe, stack);
        return;
    case RBK_OP_TEXT:
    case RBK_OP_URL_ENCODE:
    case RBK_OP_URL_BASE:
    case RBK_OP_JSON_VALUE:
    case RBK_OP_JSON_ESCAPE:
    case RBK_OP_MAIL_HEADER:
    case RBK_OP_MAIL_TEXT:
    case RBK_OP_NO_DASH:
        return; /* the same text, in other clothes */
    default:
        stack->given_up = true;
    }
}

struct rbk_str rbk_describe_template(const struct rbk_describe *describe, uint32_t index)
{
    const struct rbk_machine *machine = describe->machine;
    if (index == RBK_NONE) {
        return RBK_STR("");
    }
    const struct rbk_expr *expr = &machine->exprs[index];
    struct stack *stack = rbk_new(describe->arena, struct stack);
    for (uint32_t i = 0; i < expr->code.count && !stack->given_up; i++) {
        run_code(describe, stack, machine->codes[expr->code.first + i]);
    }
    if (!stack->given_up && stack->count == 1) {
        return stack->items[0];
    }
    return expr->text.bytes > 0
               ? rbk_arena_printf(describe->arena, "${%.*s}", RBK_STR_ARG(expr->text))
               : RBK_STR("${…}");
}

struct rbk_str rbk_describe_expr(const struct rbk_describe *describe, uint32_t index)
{
    if (index == RBK_NONE) {
        return RBK_STR("");
    }
    struct rbk_str text = describe->machine->exprs[index].text;
    return text.bytes > 0 ? text : rbk_describe_template(describe, index);
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool needs_quotes(struct rbk_str word)
{
    for (size_t i = 0; i < word.bytes; i++) {
        char byte = word.data[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || (unsigned char)byte >= 0x80 ||
                     strchr("%+,-./:=@_{}[]$", byte) != NULL;
        if (!plain || byte == '\0') {
            return true;
        }
    }
    return word.bytes == 0;
}

/* A word as a shell would read it, with the plan's `${x}` left readable. */
static void put_word(struct rbk_buffer *out, struct rbk_str word)
{
    if (!needs_quotes(word)) {
        (void)rbk_buffer_append_str(out, word);
        return;
    }
    (void)rbk_buffer_append_byte(out, '\'');
    for (size_t i = 0; i < word.bytes; i++) {
        if (word.data[i] == '\'') {
            (void)rbk_buffer_append_text(out, "'\\''");
        } else {
            (void)rbk_buffer_append_byte(out, word.data[i]);
        }
    }
    (void)rbk_buffer_append_byte(out, '\'');
}

/* The arguments of one kind, each behind a separator. @return how many. */
static unsigned put_arguments(const struct rbk_describe *describe, struct rbk_buffer *out,
                              const struct rbk_effect *effect, enum rbk_arg_kind kind,
                              const char *separator, bool quoted)
{
    const struct rbk_machine *machine = describe->machine;
    unsigned count = 0;
    for (uint32_t i = 0; i < effect->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[effect->args.first + i];
        if (arg->kind != kind) {
            continue;
        }
        (void)rbk_buffer_append_text(out, out->bytes > 0 ? separator : "");
        if (arg->name.bytes > 0) {
            (void)rbk_buffer_printf(out, "%.*s%s", RBK_STR_ARG(arg->name),
                                    kind == RBK_ARG_ENVIRONMENT ? "=" : ": ");
        }
        struct rbk_str text = rbk_describe_template(describe, arg->expr);
        if (quoted) {
            put_word(out, text);
        } else {
            (void)rbk_buffer_append_str(out, text);
        }
        count++;
    }
    return count;
}

/* The arguments of one kind as a text of their own; empty where there are none. */
static struct rbk_str arguments_text(const struct rbk_describe *describe,
                                     const struct rbk_effect *effect, enum rbk_arg_kind kind)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, TEXT_BYTES_MAX);
    (void)put_arguments(describe, &out, effect, kind, " ", true);
    struct rbk_str text = rbk_arena_copy(describe->arena, rbk_buffer_str(&out));
    rbk_buffer_fini(&out);
    return text;
}

/* A person who carries the step out by hand has to be where it runs, and to give it what it reads.
 */
static void put_shell(const struct rbk_describe *describe, struct rbk_buffer *out,
                      const struct rbk_effect *effect)
{
    struct rbk_str directory = arguments_text(describe, effect, RBK_ARG_DIRECTORY);
    struct rbk_str input = arguments_text(describe, effect, RBK_ARG_STDIN);
    if (directory.bytes > 0) {
        (void)rbk_buffer_printf(out, "cd %.*s", RBK_STR_ARG(directory));
    }
    if (input.bytes > 0) {
        bool lines = rbk_str_find(input, '\n') < input.bytes;
        (void)rbk_buffer_printf(out, "%s# It reads: %.*s", out->bytes > 0 ? "\n" : "",
                                RBK_STR_ARG(lines ? RBK_STR("what the plan says") : input));
    }
    (void)put_arguments(describe, out, effect, RBK_ARG_ENVIRONMENT, "\n", true);
    (void)put_arguments(describe, out, effect, RBK_ARG_SCRIPT, "\n", false);
}

static void put_command(const struct rbk_describe *describe, struct rbk_buffer *out,
                        const struct rbk_effect *effect)
{
    struct rbk_str directory = arguments_text(describe, effect, RBK_ARG_DIRECTORY);
    struct rbk_str input = arguments_text(describe, effect, RBK_ARG_STDIN);
    if (directory.bytes > 0) {
        (void)rbk_buffer_printf(out, "cd %.*s &&", RBK_STR_ARG(directory));
    }
    if (input.bytes > 0) {
        (void)rbk_buffer_printf(out, "%sprintf %%s %.*s |", out->bytes > 0 ? " " : "",
                                RBK_STR_ARG(input));
    }
    (void)put_arguments(describe, out, effect, RBK_ARG_ENVIRONMENT, " ", true);
    (void)put_arguments(describe, out, effect, RBK_ARG_WORD, " ", true);
}

static void put_sql(const struct rbk_describe *describe, struct rbk_buffer *out,
                    const struct rbk_effect *effect)
{
    (void)put_arguments(describe, out, effect, RBK_ARG_STATEMENT, "\n", false);
    struct rbk_buffer binds;
    rbk_buffer_init(&binds, TEXT_BYTES_MAX);
    if (put_arguments(describe, &binds, effect, RBK_ARG_BIND, ", ", false) > 0) {
        (void)rbk_buffer_printf(out, "\n-- with %s", binds.data);
    }
    rbk_buffer_fini(&binds);
}

static void put_http(const struct rbk_describe *describe, struct rbk_buffer *out,
                     const struct rbk_effect *effect)
{
    (void)put_arguments(describe, out, effect, RBK_ARG_METHOD, " ", false);
    (void)put_arguments(describe, out, effect, RBK_ARG_URL, " ", false);
    (void)put_arguments(describe, out, effect, RBK_ARG_HEADER, "\n", false);
    (void)put_arguments(describe, out, effect, RBK_ARG_JSON, "\n\n", false);
    (void)put_arguments(describe, out, effect, RBK_ARG_BODY, "\n\n", false);
}

struct rbk_str rbk_describe_command(const struct rbk_describe *describe,
                                    const struct rbk_effect *effect, const char **ret_language)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, TEXT_BYTES_MAX);
    *ret_language = "";
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_CAPTURE_RUN:
        *ret_language = "sh";
        put_command(describe, &out, effect);
        break;
    case RBK_EFFECT_SHELL:
        *ret_language = "sh";
        put_shell(describe, &out, effect);
        break;
    case RBK_EFFECT_SQL:
        *ret_language = "sql";
        put_sql(describe, &out, effect);
        break;
    case RBK_EFFECT_HTTP:
        *ret_language = "http";
        put_http(describe, &out, effect);
        break;
    case RBK_EFFECT_REDIS:
        (void)put_arguments(describe, &out, effect, RBK_ARG_WORD, " ", true);
        break;
    default:
        break;
    }
    struct rbk_str result = rbk_str_trim(rbk_arena_copy(describe->arena, rbk_buffer_str(&out)));
    rbk_buffer_fini(&out);
    return result;
}
