/*
 * The core is pure: a program that holds all of it runs without libuv, libpq, libcurl, hiredis and
 * SQLite. The build links this program with the whole archive, so that every function of the core
 * has to resolve; the case then looks at what was really loaded.
 */
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <check.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/** Notes the name of a loaded library of the runtime in *data, a `const char *`. */
static int on_library(struct dl_phdr_info *library, size_t bytes RBK_UNUSED, void *data)
{
    static const char *const runtime_only[] = {"libuv",      "libpq",      "libcurl",
                                               "libhiredis", "libsqlite3", "libjq"};
    for (size_t i = 0; i < RBK_COUNT(runtime_only); i++) {
        if (strstr(library->dlpi_name, runtime_only[i])) {
            *(const char **)data = runtime_only[i];
            return 1;
        }
    }
    return 0;
}

START_TEST(a_program_with_the_whole_core_loads_no_library_of_the_runtime)
{
    const char *found = NULL;
    ck_assert_msg(dl_iterate_phdr(on_library, &found) == 0, "loaded %s", found);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("link");
    tcase_add_test(cases, a_program_with_the_whole_core_loads_no_library_of_the_runtime);
    Suite *suite = suite_create("core/link");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
