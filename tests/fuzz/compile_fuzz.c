/*
 * Compiling arbitrary bytes as a plan: names, types, rules and lowering; then what was found in
 * every format, the layout, and the fixes. What must hold of each is said in pipeline.h.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rbk_str text = {(const char *)data, bytes};
    struct fuzz_plan plan;
    if (bytes > FUZZ_PLAN_BYTES_MAX) {
        return 0;
    }
    fuzz_plan_open(&plan, text);
    fuzz_check_findings(&plan);
    fuzz_check_layout(&plan);
    fuzz_check_fix(text);
    fuzz_plan_close(&plan);
    return 0;
}
