/*
 * Random plans. Every construct that takes time is in the list; every command is one of its own, so
 * that no rule about parallel work or copied rollbacks is concerned, and rules that are about
 * anything but times are waived.
 */
#include "tests/unit/compiler/times/plans.h"

#include "tests/unit/compiler/times/virtual.h"

#include <stdbool.h>

static const char actions[] =
    "action limited(name: text) {\n"
    "    run \"do ${name}\" timeout 7s idempotent\n"
    "    check \"done\" run.exit(\"done\") == 0 timeout 4s\n"
    "    undo { run \"undo ${name}\" timeout 9s idempotent }\n"
    "}\n"
    "action outer(name: text, settling: duration) {\n"
    "    do limited(name)\n"
    "    wait settling because \"it settles\"\n"
    "    undo { run \"undo ${name}\" timeout 8s idempotent }\n"
    "}\n"
    "action open(name: text) {\n"
    "    run \"do ${name}\" idempotent\n"
    "    undo { run \"undo ${name}\" idempotent  wait 3s because \"so it is\" }\n"
    "}\n";

struct writer {
    struct rbk_buffer *out;
    uint64_t seed;
    uint32_t number; /* of commands, so that each is another */
    bool limited;    /* in a block with a `within` */
    bool only_calls; /* changes by actions alone, so that `undo` takes everything back */
    bool only_reads; /* changes nothing */
    uint32_t depth;
};

static uint32_t below(struct writer *writer, uint32_t limit)
{
    return virtual_below(&writer->seed, limit);
}

static void within(struct writer *writer, uint32_t seconds_max)
{
    rbk_buffer_printf(writer->out, " within %us", 1 + below(writer, seconds_max));
}

static void timeout(struct writer *writer, bool needed)
{
    if (needed || !writer->limited || below(writer, 3)) {
        rbk_buffer_printf(writer->out, " timeout %us", 1 + below(writer, 30));
    }
}

static void retry(struct writer *writer)
{
    if (below(writer, 4) == 0) {
        rbk_buffer_printf(writer->out, " retry %u every %us", 1 + below(writer, 2),
                          1 + below(writer, 8));
    }
}

static void optional(struct writer *writer)
{
    if (below(writer, 8) == 0) {
        rbk_buffer_append_text(writer->out, " optional because \"it may\"");
    }
}

/* What tells, after a crash or when it is cut off, whether it happened. */
static void crash_rule(struct writer *writer)
{
    switch (below(writer, 4)) {
    case 0:
        rbk_buffer_printf(writer->out, " done when run.exit(\"look %u\") == 0", ++writer->number);
        break;
    case 1:
        rbk_buffer_printf(writer->out, " in doubt ask ops within %us else abort",
                          1 + below(writer, 20));
        break;
    default:
        rbk_buffer_append_text(writer->out, " idempotent");
        break;
    }
}

static void change(struct writer *writer)
{
    switch (below(writer, 5)) {
    case 0:
        rbk_buffer_printf(writer->out, "sql db \"UPDATE t SET n = %u\"", ++writer->number);
        timeout(writer, false);
        break;
    case 1:
        rbk_buffer_printf(writer->out, "http PUT \"http://localhost/%u\"", ++writer->number);
        timeout(writer, false);
        crash_rule(writer);
        break;
    case 2:
        rbk_buffer_printf(writer->out, "run \"c%u\" cancel \"stop %u\"", writer->number + 1,
                          writer->number + 1);
        writer->number++;
        timeout(writer, false);
        crash_rule(writer);
        break;
    default:
        rbk_buffer_printf(writer->out, "run \"c%u\"", ++writer->number);
        timeout(writer, false);
        crash_rule(writer);
        break;
    }
    retry(writer);
    optional(writer);
}

static void call(struct writer *writer)
{
    switch (below(writer, writer->limited ? 3 : 2)) {
    case 0:
        rbk_buffer_printf(writer->out, "do limited(\"n%u\")", ++writer->number);
        break;
    case 1:
        rbk_buffer_printf(writer->out, "do outer(\"n%u\", %us)", ++writer->number,
                          1 + below(writer, 5));
        break;
    default:
        rbk_buffer_printf(writer->out, "do open(\"n%u\")", ++writer->number);
        break;
    }
    if (below(writer, 4) == 0) {
        timeout(writer, true);
    }
    if (below(writer, 6) == 0) {
        retry(writer);
    }
}

static void read(struct writer *writer)
{
    switch (below(writer, 6)) {
    case 0:
        rbk_buffer_printf(writer->out, "wait %us because \"it takes time\"", 1 + below(writer, 20));
        break;
    case 1:
        rbk_buffer_printf(writer->out, "capture \"e%u\" run.exit(\"e\")", ++writer->number);
        timeout(writer, false);
        break;
    case 2:
        rbk_buffer_printf(writer->out, "wait until run.exit(\"w%u\") == 0 every 5s",
                          ++writer->number);
        timeout(writer, false);
        break;
    case 3:
        rbk_buffer_printf(writer->out, "capture \"e%u\" run \"show\"", ++writer->number);
        timeout(writer, false);
        break;
    default:
        rbk_buffer_printf(writer->out, "check \"k%u\" run.exit(\"k\") == 0", ++writer->number);
        if (below(writer, 2)) {
            timeout(writer, true);
        }
        retry(writer);
        break;
    }
}

static void block(struct writer *writer, uint32_t steps_max);

static void step(struct writer *writer)
{
    uint32_t kind = below(writer, 10);
    rbk_buffer_append_text(writer->out, "\n");
    if (writer->depth < 2 && kind == 0) {
        rbk_buffer_append_text(writer->out, "parallel");
        block(writer, 2);
    } else if (writer->depth < 2 && kind == 1) {
        rbk_buffer_printf(writer->out, "if run.exit(\"i%u\") == 0", ++writer->number);
        block(writer, 2);
        if (below(writer, 2)) {
            rbk_buffer_append_text(writer->out, " else");
            block(writer, 2);
        }
    } else if (writer->depth < 2 && kind == 2) {
        rbk_buffer_printf(writer->out, "foreach x%u in [1, 2]", writer->depth);
        block(writer, 2);
    } else if (writer->only_reads || kind < 5) {
        read(writer);
    } else if (writer->only_calls || kind == 5) {
        call(writer);
    } else {
        change(writer);
    }
}

static void block(struct writer *writer, uint32_t steps_max)
{
    rbk_buffer_append_text(writer->out, " {");
    writer->depth++;
    for (uint32_t left = 1 + below(writer, steps_max); left > 0; left--) {
        step(writer);
    }
    writer->depth--;
    rbk_buffer_append_text(writer->out, "\n}");
}

/* The `within` of a part of a stage, and whether its steps may do without limits then. */
static void part_within(struct writer *writer, uint32_t seconds_max, bool needed)
{
    writer->limited = needed || below(writer, 4) != 0;
    if (writer->limited) {
        within(writer, seconds_max);
    }
}

static void strategy(struct writer *writer, uint32_t number, bool undo)
{
    rbk_buffer_printf(writer->out, "\nrollback way%u", number);
    bool when = below(writer, 2);
    if (when) {
        rbk_buffer_printf(writer->out, " when run.exit(\"way%u\") == 0", number);
    }
    part_within(writer, 60, undo); /* the inverse of `open` needs it */
    rbk_buffer_append_text(writer->out, " {\n");
    writer->depth = 1;
    if (undo) {
        rbk_buffer_append_text(writer->out, "undo\n");
    } else {
        change(writer);
    }
    if (below(writer, 2)) {
        writer->only_calls = false;
        step(writer);
    }
    writer->depth = 0;
    bool limited = writer->limited;
    rbk_buffer_append_text(writer->out, "\nverify");
    if (below(writer, 4) == 0) {
        within(writer, 20);
        writer->limited = true;
    }
    rbk_buffer_append_text(writer->out, " { check \"back\" run.exit(\"back\") == 0");
    if (below(writer, 2)) {
        timeout(writer, true);
    }
    rbk_buffer_append_text(writer->out, " }\n}");
    writer->limited = limited;
}

static void stage(struct writer *writer, uint32_t number)
{
    bool undo = below(writer, 2);
    rbk_buffer_printf(writer->out, "\nstage s%u \"S\" {\nunwatched because \"a test\"", number);
    if (number > 0 && below(writer, 3) == 0) {
        rbk_buffer_append_text(writer->out, "\nafter nothing");
    } else if (number > 1 && below(writer, 2)) {
        rbk_buffer_printf(writer->out, "\nafter s%u", below(writer, number));
    }
    if (below(writer, 3) == 0) {
        rbk_buffer_printf(writer->out, "\napprove ops within %us else abort",
                          1 + below(writer, 50));
    }
    if (below(writer, 3) == 0) {
        rbk_buffer_append_text(writer->out, "\nprepare");
        part_within(writer, 40, false);
        writer->only_reads = true;
        block(writer, 2);
        writer->only_reads = false;
    }
    rbk_buffer_append_text(writer->out, "\napply");
    part_within(writer, 60, false);
    writer->only_calls = undo;
    rbk_buffer_append_text(writer->out, " {\n");
    if (undo) {
        call(writer);
    } else {
        change(writer);
    }
    for (uint32_t left = below(writer, 3); left > 0; left--) {
        step(writer);
    }
    writer->only_calls = false;
    rbk_buffer_append_text(writer->out, "\n}\nverify");
    part_within(writer, 30, false);
    rbk_buffer_append_text(writer->out, " { check \"applied\" run.exit(\"applied\") == 0 }");
    strategy(writer, 0, undo);
    if (below(writer, 2)) {
        strategy(writer, 1, undo && below(writer, 2));
    }
    rbk_buffer_append_text(writer->out, "\n}");
}

void plans_write(struct rbk_buffer *out, uint64_t seed)
{
    static const unsigned waived[] = {110, 111, 112, 113, 122, 123, 124, 125,
                                      126, 127, 131, 132, 133, 134, 142, 143};
    struct writer writer = {.out = out, .seed = seed};
    rbk_buffer_append_text(out, actions);
    rbk_buffer_append_text(out, "plan p {\nconnection db = sqlite(\"t.db\")\n"
                                "role ops { contact \"ops@example.com\" }\n"
                                "held at most 30s else abort\nrollback within 10s\n");
    for (size_t i = 0; i < sizeof(waived) / sizeof(waived[0]); i++) {
        rbk_buffer_printf(out, "allow RBK%u because \"a test\"\n", waived[i]);
    }
    if (below(&writer, 4) == 0) {
        rbk_buffer_append_text(out,
                               "lock l { acquire { run \"lock\" timeout 5s idempotent } release {"
                               " run \"unlock\" timeout 6s idempotent } }\n");
    }
    uint32_t stages = 1 + below(&writer, 3);
    for (uint32_t i = 0; i < stages; i++) {
        stage(&writer, i);
    }
    rbk_buffer_append_text(out, "\n}\n");
}
