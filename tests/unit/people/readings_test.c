/*
 * Live readings are what a runner wrote and nothing else: whatever is no such file is as if there
 * were none, and nothing that lies there is waited for.
 */
#include "runtime/people/readings.h"

#include <check.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[160];
static struct rbk_store *store;

static void setup(void)
{
    struct rbk_error error;
    char name[128];

    snprintf(folder, sizeof(folder), "/tmp/rbk-readings-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(name, sizeof(name), "%s/store.db", folder);
    ck_assert_int_eq(rbk_store_open(name, RBK_STORE_RUNNER, &store, &error), 0);
    snprintf(path, sizeof(path), "%s/runs", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/runs/r1", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/runs/r1/readings.json", folder);
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

static void teardown(void)
{
    rbk_store_close(store);
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

#define GOOD                                                                                    \
    "{\"at\":\"2026-11-21T22:04:11Z\",\"epoch\":3,\"probes\":[{\"probe\":\"rows\",\"value\":"   \
    "\"7\",\"number\":7.0,\"at\":\"2026-11-21T22:04:10Z\"},{\"probe\":\"errors\",\"missing\":"  \
    "\"500\"}],\"triggers\":[{\"trigger\":\"many\",\"armed\":true,\"level\":\"false\",\"raw\":" \
    "\"true\",\"since\":\"2026-11-21T22:04:09Z\"}]}"

#define NUMBER_FOR_ARMED \
    "{\"at\":\"x\",\"probes\":[],\"triggers\":[{\"trigger\":\"a\",\"armed\":1,\"level\":\"\",\"raw\":\"\"}]}"

/* One that would be read, but for what is put in. */
#define TRIGGER_WITH(more)                                                                   \
    "{\"at\":\"x\",\"probes\":[],\"triggers\":[{\"trigger\":\"a\",\"armed\":true,\"level\":" \
    "\"false\",\"raw\":\"false\"," more "}]}"

#define CHECKS(checks) "{\"at\":\"x\",\"probes\":[],\"triggers\":[],\"checks\":" checks "}"

START_TEST(what_a_runner_wrote_is_read)
{
    json_t *readings;

    put(GOOD);
    readings = rbk_readings_load(store, "r1");
    ck_assert_ptr_nonnull(readings);
    ck_assert_uint_eq(rbk_readings_at(readings), UINT64_C(1795298651000));
    ck_assert_uint_eq(json_array_size(json_object_get(readings, "probes")), 2);
    json_decref(readings);
    put(TRIGGER_WITH("\"share\":0.5,\"true_readings\":2,\"reading\":\"\",\"threshold\":\"> 5%\""));
    readings = rbk_readings_load(store, "r1");
    ck_assert_ptr_nonnull(readings);
    json_decref(readings);
    ck_assert_ptr_null(rbk_readings_load(store, "r2"));
}
END_TEST

START_TEST(what_is_odd_is_as_if_it_were_not_there)
{
    static const char *const odd[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"at\":7,\"probes\":[],\"triggers\":[]}",
        "{\"at\":\"x\",\"probes\":{},\"triggers\":[]}",
        "{\"at\":\"x\",\"probes\":[],\"triggers\":[7]}",
        "{\"at\":\"x\",\"probes\":[{}],\"triggers\":[]}",
        "{\"at\":\"x\",\"probes\":[{\"probe\":\"a\",\"value\":7}],\"triggers\":[]}",
        "{\"at\":\"x\",\"probes\":[{\"probe\":\"a\",\"number\":\"7\"}],\"triggers\":[]}",
        NUMBER_FOR_ARMED,
        TRIGGER_WITH("\"share\":1.5"),
        TRIGGER_WITH("\"share\":\"1\""),
        TRIGGER_WITH("\"true_readings\":-1"),
        TRIGGER_WITH("\"true_readings\":0.5"),
        TRIGGER_WITH("\"threshold\":5"),
        TRIGGER_WITH("\"reading\":null"),
        CHECKS("{}"),
        CHECKS("[7]"),
        CHECKS("[{\"step\":\"a\",\"retries\":0}]"),
        CHECKS("[{\"step\":\"a\",\"retries\":0,\"holds\":true,\"progress\":2}]"),
        "{\"at\":\"x\",\"at\":\"y\",\"probes\":[],\"triggers\":[]}",
        "{\"at\":\"\xff\",\"probes\":[],\"triggers\":[]}",
    };

    for (size_t i = 0; i < RBK_COUNT(odd); i++) {
        put(odd[i]);
        ck_assert_msg(rbk_readings_load(store, "r1") == NULL, "%s", odd[i]);
    }
}
END_TEST

START_TEST(what_is_no_file_or_too_large_is_not_read)
{
    FILE *file;

    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_ptr_null(rbk_readings_load(store, "r1"));
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(rbk_readings_load(store, "r1"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/dev/zero", path), 0);
    ck_assert_ptr_null(rbk_readings_load(store, "r1"));
    ck_assert_int_eq(unlink(path), 0);
    put(GOOD);
    file = fopen(path, "a");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 5 << 20; i++) {
        fputc(' ', file);
    }
    fclose(file);
    ck_assert_ptr_null(rbk_readings_load(store, "r1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("people_readings");
    TCase *cases = tcase_create("people_readings");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, what_a_runner_wrote_is_read);
    tcase_add_test(cases, what_is_odd_is_as_if_it_were_not_there);
    tcase_add_test(cases, what_is_no_file_or_too_large_is_not_read);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
