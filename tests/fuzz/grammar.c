/*
 * See grammar.h. The rules are text:
 *
 *     @name    one alternative of that rule        @name?   the same, or nothing
 *     @name*   none to three of them               @name+   one to three of them
 *     @#       a number not used before            @$       the same for stages: 1, 2, …
 *     @@       an @
 *
 * The first alternative of a rule never leads back to the rule: it is taken when the choices are
 * used up, and when rules are nested too deep. Most of what the rules say is meant to be accepted;
 * what is meant to be refused (a wrong unit, a stage that is not there, text that looks like
 * markup) is there in smaller numbers.
 */
#include "tests/fuzz/grammar.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 10u
#define ALTERNATIVES_MAX 32

struct rule {
    const char *name;
    const char *alternatives[ALTERNATIVES_MAX]; /* ended by a NULL */
};

/* clang-format off */
static const struct rule rules[] = {
    {"file", {
        "@plan_head@head*@head?stage s@$ {\n@stage_items}\n@stage*@observe?@grace?}\n",
        "@plan_head@head*stage s@$ {\n@stage_items}\n@stage?}\n",
        "@plan_head@head?stage s@$ {\n@stage_items}\n@stage?@grace?}\n",
        "@plan_head@head?stage s@$ {\n@stage_items}\n}\n"}},
    {"plan_head", {
        "use std.slack\nuse std.files\nuse std.kubernetes as k8s\nplan generated {\ntitle @label\n"
        "connection db = @database\nconnection cache = redis(\"redis://localhost:6379/0\")\n"
        "role ops { contact \"ops@@example.com\" members \"ann\", \"bob\" }\n"
        "role dba { contact \"dba@@example.com\" }\n"
        "secret hook from env \"HOOK\"\nchannel team = slack.webhook(hook)\n"
        "param amount: int = 3\nparam site: url = \"https://example.com\"\n"
        "probe errors = @probe\nprobe seen = file.exists(\"there\") every 10s timeout 2s\n"
        "severity critical then @reaction\nseverity low then notify team\n"
        "backup saved { take within 5m { @effect } verify { @check } restore within 5m { @effect } }\n"}},
    {"database", {"sqlite(\"rows.db\")", "postgres(\"postgresql:///rows\")", "postgres(hook)"}},
    {"head", {
        "ticket @label\n", "owner @label\n", "service @label\n", "estimate @duration\n",
        "rollback within 8h\n", "rollback within @duration\n", "rehearsed within 30d\n",
        "window 22:00 to 02:00 \"Europe/Berlin\"\n", "window @days 22:00 to 06:00 @zone\n", "param p@#: duration = @duration\n",
        "param p@#: text = @label where p1 != \"\" @label\n",
        "escalate stuck to ops, then dba after 10m\n", "baseline errors over 10m\n",
        "baseline errors over @duration at least @# readings\n",
        
        "trigger t@# when @watched @trigger_clause?then @reaction\n",
        "trigger t@# critical when @watched @trigger_clause?\n", "trigger t@# low when @watched\n",
        "abort when @condition @own_every?@label\n",
        "abort when rollbacks > 2 @label\n", "abort when elapsed > 2 * estimate @label\n",
        "abort on signal halt @label\n", "require @label @condition @require_clause?\n",
        "attest @label by @roles @eyes?within 5m else @gate\n", "held at most 30m else @settled\n",
        "held at most 30m else ask @roles within 5m @eyes?else @held\n",
        "lock freeze { acquire within 1m { @effect } release within 1m { @effect } }\n",
        "on abort { notify team @message }\n", "on stuck { notify team @message }\n",
        "on cancelled { notify team @message }\n",
        "report to team every 15m @message\n", "allow RBK112 because @label\n",
        "allow RBK125 because @label\n"}},
    {"observe", {"observe 1h\n", "observe @duration\n"}},
    {"grace", {
        "grace 2h\n",
        "grace 2h\nretire @label {\napprove ops within 1h else keep\napply within 5m { @effect }\n"
        "verify within 1m { @check }\n}\n"}},
    {"probe", {
        "host.load() every 10s", "int(run.output(\"wc -l\")) every 10s timeout 2s", "http.status(\"${site}/health\") every 5s",
        "http.status(site) every 30s missing after 3", "host.load() every @duration"}},
    {"stage", {
        "stage s@$ {\n@stage_items}\n", "stage s@$ @label {\nafter s1\n@stage_items}\n",
        "stage s@$ {\nafter nothing\n@stage_items}\n", "stage s@$ {\nafter s1\n@stage_items}\n",
        "stage s@$ {\nafter s1 for 1h\n@stage_items}\n", "stage s@$ @label {\n@stage_items}\n"}},
    {"stage_items", {
        "unwatched because @label\n@stage_item?@stage_item?@prepare?apply within @long {\n@steps}\n"
        "verify within 5m {\n@check@check?}\n@way?rollback within @long {\n@back verify { @check }\n}\n",
        "@stage_item?apply within @long {\n@action@action?}\nverify within 5m {\n@check}\n"
        "@trigger?rollback within @long {\nundo\nverify { @check }\n}\n",
        "@stage_item?@stage_item?apply {\n@steps@steps}\nverify {\n@check}\n"
        "@trigger*@way*rollback {\n@back verify { @check }\n}\n",
        "kind database\nrisk low\ndata { modified irreversible backup saved }\n"
        "prepare within 10m { take saved }\napply within @long { @sql@steps }\n"
        "verify within 1m { @check }\n@trigger@way?rollback within @long { restore saved verify { @check } }\n",
        "unwatched because @label\napply { @effect@step?}\nverify {\n@check}\nrollback { @back verify { @check } }\n"}},
    {"back", {"@effect", "@effect", "@effect@step", "@sql", "@effect", "@steps", "restore saved\n"}},
    {"stage_item", {
        "kind database\n", "kind application\n",
        "risk low\n", "data { created lost modified reversible }\n",
        "approve @roles @eyes?within 5m else @gate @eyes?\n", "require @label @condition @require_clause?\n",
        "attest @label by ops within 5m else @gate\n", "attempts 2 every 1m\n",
        "window @days 22:00 to 02:00 @zone\n", "not before 2026-11-22 06:00 @zone\n",
        "allow RBK112 because @label\n", "unwatched because @label\n"}},
    {"trigger", {
        "trigger w@# when @watched then @reaction\n",
        "trigger w@# when @watched @trigger_clause?then @reaction\n",
        "trigger w@# critical when @watched since s1 started\n"}},
    {"way", {
        "rollback w@# when @condition within 1h {\n@effect verify { @check }\n}\n",
        "rollback w@# within 2h {\n@steps verify { @check }\n}\n",
        "rollback w@# when @condition within 1h { nothing because @label verify { @check } }\n"}},
    {"prepare", {
        "prepare within 10m { let before_@# = @reading timeout 5s }\n",
        "prepare within 10m { take saved }\n", "prepare within 10m { @check let b@# = @reading timeout 5s\n}\n"}},
    {"long", {"4h", "2h", "4h", "1h", "4h", "@duration"}},
    {"steps", {"@effect", "@step", "@step@step", "@effect@step*"}},
    {"step", {
        "@effect", "@sql", "@effect", "@check", "let v@# = @reading timeout 5s\n",
        "if @condition { @steps}\n", "if @condition { @steps} else { @steps}\n",
        "parallel { @effect@effect}\n", "parallel { @step@step@step?}\n",
        "foreach n@# in [1, 2, 3] { @steps}\n", "foreach n@# in [\"a\", @label] { @effect}\n",
        "foreach n@# in lines(run.output(\"ls\")) at most 3 { @effect}\n",
        "manual @label by ops @eyes?within 5m else @otherwise\n",
        "manual @label by ops within 5m else @otherwise done when @condition\n",
        "manual @label by ops within 5m else @otherwise in doubt ask @roles within 5m else @held\n",
        "manual @label by ops within 5m else @otherwise done when @condition every @duration\n",
        "ask @roles @label within 5m else @otherwise @eyes?\n", "attest @label by ops within 5m else @otherwise\n",
        "wait 10s because @label\n", "wait until @condition every 30s timeout 10m\n", "wait until @condition @wait_clause?@wait_clause?timeout 10m\n",
        "notify team @message\n", "capture @label @reading timeout 5s\n",
        "capture @label run \"uptime\" timeout 5s\n", "@http", "@redis", "@shell"}},
    {"action", {
        "do files.touch(\"/tmp/f@#\")\n", "do k8s.scale(\"web\", replicas: amount)\n",
        "do files.switch(\"/srv/current\", \"/srv/r@#\") timeout 5m\n",
        "do k8s.scale(@label, replicas: @number, namespace: \"a\")\n"}},
    {"effect", {
        "run \"touch step_@#\" timeout 20s idempotent\n", "run \"touch step_@#\" timeout 30s @crash@clause?\n",
        "run [\"echo\", @label, \"n@#\"] timeout 5s @crash\n",
        "run \"copy -- ${site} x@#\" timeout 10s @crash@clause?\n"}},
    {"sql", {
        "sql db \"UPDATE rows SET n = @number WHERE id = @#\" timeout 20s\n",
        "sql db \"INSERT INTO rows VALUES (${amount})\" timeout 20s\n",
        "sql db \"CREATE INDEX CONCURRENTLY i@# ON rows(n)\" autocommit timeout 90s @crash\n",
        "sql db 'DELETE FROM rows' timeout 1m\n", "sql db @label autocommit idempotent timeout 1m\n"}},
    {"http", {
        "http PUT \"${site}/a@#\" json \"\"\"{ \"n\": ${amount}, \"t\": \"x ${site}\" }\"\"\" expect 200, 201 timeout 5s @crash\n",
        "http POST \"${site}/b?q=${amount}\" header \"Key\" @label body @label timeout 5s @crash\n",
        "http GET \"${site}\" expect 200 timeout 5s into page@#\n"}},
    {"redis", {"redis cache \"SET mode ${amount}\" timeout 5s idempotent\n",
               "redis cache [\"SET\", \"k\", @label] timeout 5s @crash\n"}},
    {"shell", {"shell \"\"\"\n  touch a@#\n  echo ${amount}\n\"\"\" timeout 5s @crash@clause?\n"}},
    {"crash", {"idempotent ", "done when @condition ", "in doubt ask ops within 5m else @settled ", "",
               "in doubt ask ops within 5m else ask dba within 2m else @settled ",
               "idempotent "}},
    {"clause", {
        "retry 2 every 2s ", "optional because @label ", "in \"/tmp\" ", "env { K: @label L: \"b\" } ",
        "stdin @label ", "expect 0, 3 ", "into out@# ", "cancel \"pkill x\" ", "using db ",
        "retry 1 every @duration "}},
    {"check", {
        "check @label seen timeout 20s\n", "check @label @condition @check_clause?timeout 20s\n",
        "check @label @condition timeout 20s\n"}},
    {"check_clause", {"retry 2 every 2s ", "for 10s ", "retry 3 every @duration "}},
    {"wait_clause", {"for 10s ", "every 2s ", "for @duration "}},
    {"require_clause", {"retry 2 every 2s ", "for 10s timeout 1m ", "for @duration timeout @duration "}},
    {"trigger_clause", {
        "every 10s ", "for 30s ", "for 3 readings ", "confirm within 30s ", "confirm within @duration ", "since s1 ", "since s1 started ",
        "during apply ", "except during s1 ", "timeout 2s ", "missing then @reaction ",
        "missing hold 5m then @reaction ", "every @duration "}},
    {"reaction", {
        "abort ", "pause ", "rollback ", "notify team ", "abort with approval of @roles @eyes?within 2m else pause ",
        "ask @roles within 5m @eyes?else abort ", "rollback with approval of dba, ops within @duration else abort ",
        "ask dba within 1m else ask ops within 1m else pause "}},
    {"settled", {"abort", "pause"}},
    {"held", {"abort", "cancel", "ask dba within 10m else abort", "ask @roles within 1m else cancel"}},
    {"otherwise", {"abort", "pause", "ask @roles within 1m else @otherwise"}},
    {"gate", {"abort", "cancel", "cancel", "abort", "keep", "ask @roles @eyes?within 2m else @gate"}},
    {"roles", {"ops", "dba", "ops, dba", "2 of ops", "dba, 2 of ops", "@# of ops", "1 of dba"}},
    {"eyes", {"four eyes "}},
    {"condition", {
        "seen", "file.exists(\"there\") == true", "errors > 5", "not seen",
        "sql.value(db, \"SELECT n FROM rows\") == @number", "avg(errors, 5m) > 2 * amount",
        "http.status(site) < 500", "run.exit(\"test -e a\") == 0", "(@condition) and @condition",
        "(@condition) or not (@condition)", "http.json(site, '.a') == @label",
        "file.size(\"log\") > 5MiB", "http.latency(site) < 400ms", "sql.value(db, \"SELECT 2\") == @value",
        "(sql.value(db, \"SELECT 1\") ?? 0) > 1", "baseline(errors) < 5"}},
    {"watched", {
        "seen ", "errors > 5 ", "file.exists(\"bad\") every 10s ", "not seen ", "max(errors, 5m) > 2 * amount ",
        "@condition every 30s ", "seen and errors < @number ", "@condition ", "last(errors) > 1 "}},
    {"reading", {
        "file.exists(\"there\")", "sql.value(db, \"SELECT 1\")", "run.output(\"date\")",
        "redis.value(cache, \"GET\", \"k\")", "file.sha256(\"f\")", "http.text(site)", "@value",
        "int(run.output(\"wc -l\"))", "sql.value(db, \"SELECT 1\") as seconds", "env(\"HOME\")"}},
    {"value", {
        "@number", "amount", "@duration", "@label", "5%", "true", "-(@value)", "(@value + @value)",
        "(@value * @number)", "abs(@value)", "ratio(@number, 3)", "site", "\"${@value}\"", "[@value]",
        "(@value as text)", "hook", "run.id", "plan.name", "stage.title",
        "member(@value, \"id\")", "find(@value, \"a.b\", @value)", "mail_header(@value)", "mail_text(@value)"}},
    {"number", {"1", "0", "3", "1000000", "0.5", "9223372036854775807", "amount"}},
    {"duration", {"10m", "30s", "1h", "5s", "500ms", "0s", "24h", "30d", "1ms"}},
    {"message", {"\"run ${run.id}: ${run.status}\"", "@label", "\"${amount} <b> ${site}\"", "\"${run.reason} ${run.stage}\"", "\"${stage.title} ${run.link} ${run.remaining} ${run.question}\""}},
    {"own_every", {"every @duration "}},
    {"days", {"weekdays", "sat, sun", "weekends", "mon", "tue, wed, thu", "nightly"}},
    {"zone", {"\"UTC\"", "\"Europe/Berlin\"", "\"+05:30\"", "\"America/St_Johns\"", "\"Nowhere\""}},
    {"label", {
        "\"it is so\"", "\"two words\"", "\"a <b>bold</b> claim\"", "\"tick ` tick `` three ``` <i>\"",
        "'single ${raw} $'", "\"| cell | & @@user #12\"", "\"\\\\ \\\" end\"",
        "\"line\\nbreak\"", "\"* - # 1. ~x~ [l](u)\"", "\"::error::x\"", "\"##[error]y\"", "\"\"", "\"*/ } { /* -->\"",
        "\"\xc3\xa4\xe2\x82\xac\"", "\"`code`\"", "\"``` \"",
        "\"</code></pre><script>\"", "\"\"\"\n  ```\n  - item\n\"\"\"", "\"%s %n &amp;\"", "\"```<b>`\""}},
};
/* clang-format on */

struct generator {
    const uint8_t *choices;
    size_t count;
    size_t at;
    unsigned number; /* the last that @# gave */
    unsigned stage;  /* the last that @$ gave */
    unsigned depth;
    struct rbk_buffer *out;
};

static unsigned choose(struct generator *generator, unsigned below)
{
    if (generator->at >= generator->count || generator->depth > DEPTH_MAX || below == 0) {
        return 0;
    }
    return generator->choices[generator->at++] % below;
}

static const struct rule *find_rule(const char *name, size_t bytes)
{
    for (size_t i = 0; i < RBK_COUNT(rules); i++) {
        if (strlen(rules[i].name) == bytes && memcmp(rules[i].name, name, bytes) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

static unsigned alternatives_of(const struct rule *rule)
{
    unsigned count = 0;
    while (count < ALTERNATIVES_MAX && rule->alternatives[count]) {
        count++;
    }
    return count;
}

/* How many of a rule are wanted, by the mark behind its name. */
static unsigned wanted(struct generator *generator, char mark)
{
    switch (mark) {
    case '?':
        return choose(generator, 2);
    case '*':
        return choose(generator, 4);
    case '+':
        return 1 + choose(generator, 3);
    default:
        return 1;
    }
}

static size_t name_bytes(const char *text)
{
    size_t bytes = 0;
    while ((text[bytes] >= 'a' && text[bytes] <= 'z') || text[bytes] == '_' ||
           (bytes > 0 && text[bytes] >= '0' && text[bytes] <= '9')) {
        bytes++;
    }
    return bytes;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as DEPTH_MAX and a few */
static void expand(struct generator *generator, const char *text)
{
    generator->depth++;
    while (*text && !generator->out->error) {
        size_t plain = strcspn(text, "@");
        rbk_buffer_append(generator->out, text, plain);
        text += plain;
        if (text[0] == '@' && text[1] == '@') {
            rbk_buffer_append_byte(generator->out, '@');
            text += 2;
        } else if (text[0] == '@' && text[1] == '#') {
            rbk_buffer_printf(generator->out, "%u", ++generator->number);
            text += 2;
        } else if (text[0] == '@' && text[1] == '$') {
            rbk_buffer_printf(generator->out, "%u", ++generator->stage);
            text += 2;
        } else if (text[0] == '@') {
            size_t bytes = name_bytes(text + 1);
            const struct rule *rule = find_rule(text + 1, bytes);
            RBK_ASSERT(rule);
            text += 1 + bytes;
            unsigned count = wanted(generator, *text);
            text += *text && strchr("?*+", *text) ? 1 : 0;
            for (unsigned i = 0; i < count; i++) {
                expand(generator, rule->alternatives[choose(generator, alternatives_of(rule))]);
            }
        }
    }
    generator->depth--;
}

void fuzz_generate(const uint8_t *choices, size_t count, struct rbk_buffer *out)
{
    struct generator generator = {.choices = choices, .count = count, .out = out};
    expand(&generator, "@file");
}
