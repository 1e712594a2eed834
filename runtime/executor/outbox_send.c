/*
 * One attempt to send a message: the effects of its channel, one after the other, each on the
 * driver of its kind. An effect whose condition does not hold is passed over, so is the failure of
 * an optional one; any other failure ends the attempt, and the next one begins with the first
 * effect again.
 */
#include "runtime/executor/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/executor/about.h"

#define SEND_TIMEOUT_MS 10000u
/* Of an answer that a channel keeps. */
#define KEPT_BYTES_MAX ((size_t)64 << 10)

/* Variables of the message, over those of the run: what was so when it was written. */
static struct rbk_value variable(void *context, enum rbk_variable which)
{
    struct lane *lane = context;
    struct rbk_run *run = rbk_lane_run(lane);
    const struct mail *mail = lane->first;

    switch (which) {
    case RBK_VARIABLE_MESSAGE:
        return rbk_value_text(RBK_TYPE_TEXT, mail->text);
    case RBK_VARIABLE_MESSAGE_KEY:
        return rbk_value_text(RBK_TYPE_TEXT, mail->key);
    case RBK_VARIABLE_MESSAGE_STAGE:
        return rbk_value_text(RBK_TYPE_TEXT, mail->stage);
    case RBK_VARIABLE_MESSAGE_AT:
        return rbk_value_integer(RBK_TYPE_TIME, mail->at_ms);
    case RBK_VARIABLE_MESSAGE_KEPT:
        return rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(lane->kept != NULL ? lane->kept : ""));
    case RBK_VARIABLE_MESSAGE_SUMMARY:
        return rbk_value_text(RBK_TYPE_TEXT, rbk_about_summary(mail->text, &lane->arena));
    default:
        return lane->about[which].type != RBK_TYPE_UNKNOWN ? lane->about[which]
                                                           : run->scope.variable(run, which);
    }
}

static struct rbk_value secret(void *context, uint32_t index)
{
    struct lane *lane = context;

    return rbk_value_text(RBK_TYPE_SECRET, rbk_secrets_get(rbk_lane_run(lane)->secrets, index));
}

static const struct rbk_effect *effect_of(const struct lane *lane)
{
    const struct rbk_machine *machine = rbk_lane_run(lane)->replay->machine;

    return &machine->effects[machine->channels[lane->channel].effects.first + lane->effect];
}

/* Whether the channel's `if` around an effect lets it through. */
static bool is_wanted(struct lane *lane, const struct rbk_effect *effect)
{
    struct rbk_value value;

    if (effect->condition == RBK_NONE) {
        return true;
    }
    return rbk_expr_evaluate(&lane->scope, effect->condition, &lane->arena, &value, NULL) == 0 &&
           !value.missing && value.type == RBK_TYPE_BOOL && value.as.truth;
}

/* All conditions before the first effect: what one of them changes (`kept`) must not open the
 * `else` of its own `if`. */
static void choose_effects(struct lane *lane)
{
    const struct rbk_machine *machine = rbk_lane_run(lane)->replay->machine;
    uint32_t count = machine->channels[lane->channel].effects.count;

    rbk_arena_reset(&lane->arena);
    for (lane->effect = 0; lane->effect < count; lane->effect++) {
        lane->wanted[lane->effect] = is_wanted(lane, effect_of(lane));
    }
    lane->effect = 0;
}

/* What became of an effect of the channel that was to be begun. */
enum begun { BEGUN_WAITS, BEGUN_AND_OVER, BEGUN_FAILED };

/* Begins the next effect of the message's channel; *ret_error says why it could not be. */
static enum begun begin_effect(struct lane *lane, struct rbk_error *ret_error)
{
    struct rbk_run *run = rbk_lane_run(lane);
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_effect *effect = effect_of(lane);
    struct rbk_request_source source = {.scope = &lane->scope,
                                        .args = effect->args,
                                        .connection = effect->connection,
                                        .environment = effect->kind == RBK_EFFECT_RUN ||
                                                       effect->kind == RBK_EFFECT_SHELL,
                                        .run = run->id,
                                        .step = machine->channels[lane->channel].name.data,
                                        .stage = lane->first->stage.data,
                                        .key = lane->first->key.data};
    struct rbk_request request;

    rbk_arena_reset(&lane->arena);
    if (!lane->wanted[lane->effect]) {
        return BEGUN_AND_OVER;
    }
    if (rbk_request_build(&source, &lane->arena, &request, ret_error) != 0 ||
        rbk_drivers_for_effect(run->drivers, machine, effect, &lane->driver, ret_error) != 0) {
        return BEGUN_FAILED;
    }
    if (lane->driver == NULL) {
        return BEGUN_AND_OVER;
    }
    /* Not part of the journal: at least once, and no doubt about it. */
    request.idempotent = request.reading = true;
    request.attempt = (uint32_t)lane->first->attempts + 1u;
    request.timeout_ms = effect->timeout_ms != 0 ? effect->timeout_ms : SEND_TIMEOUT_MS;
    request.secrets = rbk_secrets_all(run->secrets);
    request.secret_count = machine->secret_count;
    return lane->driver->ops->start(lane->driver, &request, &lane->client, &lane->activity,
                                    ret_error) == 0
               ? BEGUN_WAITS
               : BEGUN_FAILED;
}

/* Goes on until the message is sent, has failed, or waits for a driver. */
static void go_on(struct lane *lane)
{
    const struct rbk_machine *machine = rbk_lane_run(lane)->replay->machine;
    struct rbk_error error;

    for (; lane->effect < machine->channels[lane->channel].effects.count; lane->effect++) {
        enum begun begun = begin_effect(lane, &error);

        if (begun == BEGUN_WAITS) {
            return;
        }
        if (begun == BEGUN_FAILED && !effect_of(lane)->optional) {
            rbk_lane_done(lane, false, rbk_str_from(error.text));
            return;
        }
    }
    rbk_lane_done(lane, true, (struct rbk_str){NULL, 0});
}

/* `into kept`: for what follows and for later messages, once this one is sent or has failed. */
static void keep(struct lane *lane, struct rbk_value value)
{
    struct rbk_run *run = rbk_lane_run(lane);
    struct rbk_str text;

    if (value.missing || !rbk_type_is_text(value.type) || value.as.text.bytes > KEPT_BYTES_MAX) {
        return;
    }
    rbk_arena_reset(&run->scratch);
    text = rbk_secrets_redact(run->secrets, &run->scratch, value.as.text);
    free(lane->kept);
    lane->kept = strndup(text.bytes != 0 ? text.data : "", text.bytes);
}

static void on_result(struct rbk_client *client, const struct rbk_result *result)
{
    struct lane *lane = (struct lane *)client;

    lane->activity = NULL;
    if (result->outcome != RBK_OUTCOME_OK && !effect_of(lane)->optional) {
        rbk_lane_done(lane, false, result->message);
    } else {
        if (result->outcome == RBK_OUTCOME_OK && effect_of(lane)->into != RBK_NONE) {
            keep(lane, result->value);
        }
        lane->effect++;
        go_on(lane);
    }
    rbk_lane_next(lane);
}

void rbk_lane_send(struct lane *lane)
{
    struct rbk_run *run = rbk_lane_run(lane);

    lane->client.on_result = on_result;
    lane->sending = true;
    if (lane->channel == UINT32_MAX) {
        rbk_run_notice(run, "%.*s", RBK_STR_ARG(lane->first->text));
        rbk_lane_done(lane, true, (struct rbk_str){NULL, 0});
        return;
    }
    lane->scope = run->scope;
    lane->scope.context = lane;
    lane->scope.variable = variable;
    lane->scope.secret = secret;
    lane->scope.window = NULL;
    rbk_arena_reset(&lane->arena_about);
    rbk_about_read(lane->first->about, &lane->arena_about, lane->about);
    choose_effects(lane);
    go_on(lane);
}
