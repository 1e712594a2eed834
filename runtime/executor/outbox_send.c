/*
 * One attempt to send a message: the effects of its channel, one after the other, each on the
 * driver of its kind. An effect whose condition does not hold is passed over, so is the failure of
 * an optional one; any other failure ends the attempt, and the next one begins with the first
 * effect again.
 *
 * Here, too, is told what was refused for good from what may go well another time, by what the
 * other side says: an HTTP status, or an exit status of a program (as in sysexits.h).
 */
#include "runtime/executor/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/executor/about.h"

#define SEND_TIMEOUT_MS 10000u
/* Of what a program said, beside its exit status. */
#define SAID_BYTES_MAX ((size_t)400)

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

/* All conditions from one effect on, before it begins: what an effect that tells changes (`kept`)
 * must not open the `else` of its own `if`. One that only looked was there for those behind it. */
static void choose_effects(struct lane *lane, uint32_t first)
{
    const struct rbk_machine *machine = rbk_lane_run(lane)->replay->machine;
    uint32_t count = machine->channels[lane->channel].effects.count;

    rbk_arena_reset(&lane->arena);
    for (lane->effect = first; lane->effect < count; lane->effect++) {
        lane->wanted[lane->effect] = is_wanted(lane, effect_of(lane));
    }
    lane->effect = first;
}

/* What became of an effect of the channel that was to be begun. IMPOSSIBLE: there is no request for
 * this message, and never will be. */
enum begun { BEGUN_WAITS, BEGUN_AND_OVER, BEGUN_FAILED, BEGUN_IMPOSSIBLE };

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
                                        .modules = &run->modules,
                                        .run = run->id,
                                        .step = machine->channels[lane->channel].name.data,
                                        .stage = lane->first->stage.data,
                                        .key = lane->first->key.data};
    struct rbk_request request;

    rbk_arena_reset(&lane->arena);
    if (!lane->wanted[lane->effect]) {
        return BEGUN_AND_OVER;
    }
    if (rbk_request_build(&source, &lane->arena, &request, ret_error) != 0) {
        return BEGUN_IMPOSSIBLE;
    }
    if (rbk_drivers_for_effect(run->drivers, machine, effect, &lane->driver, ret_error) != 0) {
        return BEGUN_FAILED;
    }
    if (lane->driver == NULL) {
        return BEGUN_AND_OVER;
    }
    /* Not part of the journal: at least once, and no doubt about it. */
    request.idempotent = request.reading = true;
    lane->looks = effect->kind == RBK_EFFECT_HTTP && effect->into != RBK_NONE &&
                  rbk_str_is(request.method, "GET");
    request.status_enough = effect->into == RBK_NONE;
    request.attempt = (uint32_t)lane->first->attempts + 1u;
    request.timeout_ms = effect->timeout_ms != 0 ? effect->timeout_ms : SEND_TIMEOUT_MS;
    request.secrets = rbk_secrets_all(run->secrets);
    request.secret_count = machine->secret_count;
    return lane->driver->ops->start(lane->driver, &request, &lane->client, &lane->activity,
                                    ret_error) == 0
               ? BEGUN_WAITS
               : BEGUN_FAILED;
}

static void end_attempt(struct lane *lane, enum lane_end end, struct rbk_str reason,
                        uint64_t retry_after_ms)
{
    const struct attempt attempt = {end, reason, retry_after_ms};

    rbk_lane_done(lane, &attempt);
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
        if (begun != BEGUN_AND_OVER && !effect_of(lane)->optional) {
            end_attempt(lane, begun == BEGUN_IMPOSSIBLE ? LANE_REFUSED : LANE_FAILED,
                        rbk_str_from(error.text), 0);
            return;
        }
    }
    end_attempt(lane, LANE_SENT, (struct rbk_str){NULL, 0}, 0);
}

/* `into kept`: for what follows and for later messages, once this one is sent or has failed. */
static void keep(struct lane *lane, struct rbk_value value)
{
    struct rbk_run *run = rbk_lane_run(lane);
    struct rbk_str text;

    if (value.missing || !rbk_type_is_text(value.type)) {
        return;
    }
    rbk_arena_reset(&run->scratch);
    text = rbk_secrets_redact(run->secrets, &run->scratch, value.as.text);
    free(lane->kept);
    lane->kept = strndup(text.bytes != 0 ? text.data : "", text.bytes);
}

/* A status below 500 says what is wrong with the request, but for those that say "later": that an
 * answer did not come whole is another matter, and has its status from before. */
static bool is_refused_by_http(const struct rbk_result *result)
{
    switch (result->status) {
    case 408: /* Request Timeout */
    case 409: /* Conflict: an earlier attempt with the same key is still under way */
    case 420: /* Enhance Your Calm: what status pages say for 429 */
    case 421: /* Misdirected Request: a connection to the wrong server */
    case 423: /* Locked */
    case 425: /* Too Early */
    case 429: /* Too Many Requests */
        return false;
    default:
        return result->whole && result->status < 500;
    }
}

/* Whether what a program said on the way out has the reply of an SMTP server that means "later":
 * msmtp ends with the same status for a mailbox that is busy as for a mail that is too large. */
static bool says_later(struct rbk_str said)
{
    for (size_t i = 1; i + 3 < said.bytes; i++) {
        const char *at = said.data + i;

        if (at[-1] == ' ' && at[0] == '4' && at[1] >= '0' && at[1] <= '9' && at[2] >= '0' &&
            at[2] <= '9' && (at[3] == ' ' || at[3] == '-')) {
            return true;
        }
    }
    return false;
}

/* Exit statuses that mean "do not try this again". Those for a busy system (70 to 75) do not, nor
 * does 68: a name server that does not answer makes every host unknown. */
static bool is_refused_by_program(const struct rbk_result *result)
{
    switch (result->status) {
    case 64:  /* EX_USAGE */
    case 65:  /* EX_DATAERR */
    case 66:  /* EX_NOINPUT */
    case 67:  /* EX_NOUSER */
    case 76:  /* EX_PROTOCOL */
    case 77:  /* EX_NOPERM */
    case 78:  /* EX_CONFIG */
    case 126: /* cannot be started */
    case 127: /* is not there */
        return true;
    case 69: /* EX_UNAVAILABLE: a recipient or a mail that was refused, mostly */
        return !says_later(result->detail);
    default:
        return false;
    }
}

bool rbk_lane_is_refused(uint32_t effect_kind, const struct rbk_result *result)
{
    switch (effect_kind) {
    case RBK_EFFECT_HTTP:
        return result->impossible || is_refused_by_http(result);
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
        return result->outcome == RBK_OUTCOME_FAIL && is_refused_by_program(result);
    default:
        return false;
    }
}

/* Why it was not sent, on one line, in the lane's arena: of a program also the last it said. What
 * it said is redacted before it is cut: half of a secret is a secret nobody finds any more. */
static struct rbk_str reason_of(struct lane *lane, const struct rbk_result *result)
{
    uint32_t kind = effect_of(lane)->kind;
    struct rbk_str said;
    size_t from = 0;

    if ((kind != RBK_EFFECT_RUN && kind != RBK_EFFECT_SHELL) || result->detail.bytes == 0) {
        return result->message;
    }
    rbk_arena_reset(&lane->arena);
    said = rbk_secrets_redact(rbk_lane_run(lane)->secrets, &lane->arena, result->detail);
    if (said.bytes > SAID_BYTES_MAX) {
        from = said.bytes - SAID_BYTES_MAX;
        while (from < said.bytes && ((unsigned char)said.data[from] & 0xc0) == 0x80) {
            from++;
        }
    }
    said = rbk_about_line(rbk_str_slice(said, from, said.bytes), SAID_BYTES_MAX, &lane->arena);
    return rbk_arena_printf(&lane->arena, "%.*s: %s%.*s", RBK_STR_ARG(result->message),
                            from != 0 ? "… " : "", RBK_STR_ARG(said));
}

static void on_result(struct rbk_client *client, const struct rbk_result *result)
{
    struct lane *lane = (struct lane *)client;

    lane->activity = NULL;
    if (result->outcome != RBK_OUTCOME_OK && !effect_of(lane)->optional) {
        end_attempt(lane,
                    rbk_lane_is_refused(effect_of(lane)->kind, result) ? LANE_REFUSED : LANE_FAILED,
                    reason_of(lane, result), result->retry_after_ms);
    } else {
        if (result->outcome == RBK_OUTCOME_OK && effect_of(lane)->into != RBK_NONE) {
            keep(lane, result->value);
        }
        lane->effect++;
        if (result->outcome == RBK_OUTCOME_OK && lane->looks) {
            choose_effects(lane, lane->effect);
        }
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
        end_attempt(lane, LANE_SENT, (struct rbk_str){NULL, 0}, 0);
        return;
    }
    lane->scope = run->scope;
    lane->scope.context = lane;
    lane->scope.variable = variable;
    lane->scope.secret = secret;
    lane->scope.window = NULL;
    rbk_arena_reset(&lane->arena_about);
    rbk_about_read(lane->first->about, &lane->arena_about, lane->about);
    choose_effects(lane, 0);
    go_on(lane);
}
