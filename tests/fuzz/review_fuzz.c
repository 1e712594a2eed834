/*
 * What people read of a plan: its review page, what differs from an older version, its runbook, and
 * the pictures. The input is two plans with a zero byte between them; a single plan is compared
 * with itself. What must hold of each is said in pipeline.h.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rbk_str input = {(const char *)data, bytes};
    struct fuzz_plan before;
    struct fuzz_plan plan;
    if (bytes > FUZZ_PLAN_BYTES_MAX) {
        return 0;
    }
    size_t end = rbk_str_find(input, '\0');
    struct rbk_str first = rbk_str_slice(input, 0, end);
    fuzz_plan_open(&before, first);
    fuzz_plan_open(&plan, end < bytes ? rbk_str_slice(input, end + 1, bytes) : first);
    fuzz_check_review(&before, &plan);
    if (plan.machine) {
        fuzz_check_runbook(&plan);
        fuzz_check_pictures(plan.machine, FUZZ_FROM_PLAN);
    }
    fuzz_plan_close(&before);
    fuzz_plan_close(&plan);
    return 0;
}
