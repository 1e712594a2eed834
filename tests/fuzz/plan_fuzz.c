/*
 * Plans by the grammar: the bytes choose among its rules (grammar.h), so that nearly every input
 * parses and many pass all rules. Two plans are made of them, the second with one choice changed,
 * as an edit would. The first byte says what is looked at beyond compiling.
 *
 * With RBK_FUZZ_SHOW in the environment the plans are printed: a finding is best kept as text, in
 * the corpus of compile or review.
 */
#include "runtime/core/base/buffer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/grammar.h"
#include "tests/fuzz/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHOICES_MAX ((size_t)4096)

static void look(struct fuzz_plan *plan, uint8_t what)
{
    switch (what % 4) {
    case 0:
        fuzz_check_findings(plan);
        fuzz_check_layout(plan);
        fuzz_check_fix(plan->compile.program.files[0]->tree->source->text);
        break;
    case 1:
        if (plan->machine) {
            fuzz_check_exploration(plan->machine, FUZZ_FROM_PLAN);
        }
        break;
    case 2:
        if (plan->machine) {
            fuzz_check_times(plan);
            fuzz_check_pictures(plan->machine, FUZZ_FROM_PLAN);
            fuzz_check_runbook(plan);
        }
        break;
    default:
        break;
    }
}

static void generate(const uint8_t *choices, size_t count, struct rbk_buffer *out)
{
    rbk_buffer_init(out, FUZZ_PLAN_BYTES_MAX);
    fuzz_generate(choices, count, out);
    if (getenv("RBK_FUZZ_SHOW")) {
        (void)fprintf(stderr, "%.*s\n%%%%\n", RBK_STR_ARG(rbk_buffer_str(out)));
    }
}

/* The plan again with the choice at @at changed, and what differs. */
static void review(struct fuzz_plan *plan, const uint8_t *choices, size_t count, size_t at)
{
    uint8_t changed[CHOICES_MAX];
    struct rbk_buffer text;
    struct fuzz_plan after;
    (void)memcpy(changed, choices, count);
    changed[at % count]++;
    generate(changed, count, &text);
    fuzz_plan_open(&after, rbk_buffer_str(&text));
    fuzz_check_review(plan, &after);
    fuzz_plan_close(&after);
    rbk_buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rbk_buffer text;
    struct fuzz_plan plan;
    if (bytes < 4 || bytes > CHOICES_MAX) {
        return 0;
    }
    const uint8_t *choices = data + 3;
    size_t count = bytes - 3;
    generate(choices, count, &text);
    fuzz_plan_open(&plan, rbk_buffer_str(&text));
    look(&plan, data[0]);
    if (data[0] % 4 == 3) {
        review(&plan, choices, count, data[1] * 256u + data[2]);
    }
    fuzz_plan_close(&plan);
    rbk_buffer_fini(&text);
    return 0;
}
