/*
 * What is proved and drawn of a plan: arbitrary text is compiled, and of every machine that comes
 * of it all states are explored within small limits, the times worked out, and the pictures and
 * the model for Spin written. No machine of a plan breaks a promise that step() keeps.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fuzz_plan plan;
    if (bytes > FUZZ_PLAN_BYTES_MAX) {
        return 0;
    }
    fuzz_plan_open(&plan, (struct rbk_str){(const char *)data, bytes});
    if (plan.machine) {
        fuzz_check_times(&plan);
        fuzz_check_exploration(plan.machine, FUZZ_FROM_PLAN);
        fuzz_check_pictures(plan.machine, FUZZ_FROM_PLAN);
    }
    fuzz_plan_close(&plan);
    return 0;
}
