/*
 * Zones of this host: every one of them shows what the C library says it shows, and what is no zone
 * is told apart from what cannot be told.
 */
#include "runtime/zones/zones.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1 << 26)

static struct rbk_arena arena;

static void open_arena(void)
{
    rbk_arena_init(&arena, ARENA_BYTES);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

START_TEST(zones_show_what_the_c_library_says)
{
    static const char *const names[] = {
        "Europe/Berlin",  "America/New_York", "Asia/Tokyo",          "Australia/Sydney",
        "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca",
        "Pacific/Apia",   "America/Nuuk",     "Africa/Cairo",        "Etc/GMT+5"};
    const struct rbk_zone *zone;
    char variable[100];
    if (rbk_zones_find(&arena, RBK_STR("Europe/Berlin"), &zone) == RBK_ZONE_NO_TABLES) {
        return; /* nothing to compare with */
    }
    for (size_t i = 0; i < RBK_COUNT(names); i++) {
        if (rbk_zones_find(&arena, rbk_str_from(names[i]), &zone) == RBK_ZONE_UNKNOWN) {
            continue; /* a smaller set of tables */
        }
        ck_assert_int_eq(rbk_zones_find(&arena, rbk_str_from(names[i]), &zone), RBK_ZONE_FOUND);
        (void)snprintf(variable, sizeof(variable), ":%s", names[i]);
        ck_assert_int_eq(setenv("TZ", variable, 1), 0);
        tzset();
        /* 1960 to 2100, in steps that meet every hour of the day; and close to each change */
        for (time_t at = -315619200; at < 4102444800; at += 86400 * 3 + 3607) {
            struct tm local;
            ck_assert_ptr_nonnull(localtime_r(&at, &local));
            ck_assert_msg(rbk_zone_offset_s(zone, at) == local.tm_gmtoff, "%s at %lld: %d, not %ld",
                          names[i], (long long)at, (int)rbk_zone_offset_s(zone, at),
                          local.tm_gmtoff);
        }
        int64_t change_s = 1577836800;
        for (int changes = 0; changes < 60 && rbk_zone_next_change(zone, change_s, &change_s);
             changes++) {
            for (int side = -1; side <= 0; side++) {
                time_t at = (time_t)change_s + side;
                struct tm local;
                ck_assert_ptr_nonnull(localtime_r(&at, &local));
                ck_assert_int_eq(rbk_zone_offset_s(zone, at), local.tm_gmtoff);
            }
        }
    }
}
END_TEST

START_TEST(what_is_no_zone_is_told_apart)
{
    char folder[] = "/tmp/rbk-zones-XXXXXX";
    char path[200];
    const struct rbk_zone *zone;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(setenv("TZDIR", folder, 1), 0);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("Europe/Berlin"), &zone), RBK_ZONE_NO_TABLES);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("+01:00"), &zone), RBK_ZONE_FOUND);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("UTC"), &zone), RBK_ZONE_FOUND);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("../UTC"), &zone), RBK_ZONE_UNKNOWN);
    (void)snprintf(path, sizeof(path), "%s/UTC", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fputs("no table", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("Europe/Berlin"), &zone), RBK_ZONE_UNKNOWN);
    (void)snprintf(path, sizeof(path), "%s/Folder", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("Folder"), &zone), RBK_ZONE_UNKNOWN);
    ck_assert_int_eq(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/Broken", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("Broken"), &zone), RBK_ZONE_DAMAGED);
    ck_assert_int_eq(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/UTC", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(the_zone_of_a_host_is_no_name)
{
    char folder[] = "/tmp/rbk-zones-XXXXXX";
    char path[200];
    const struct rbk_zone *zone;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(setenv("TZDIR", folder, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/UTC", folder);
    ck_assert_int_eq(symlink("/usr/share/zoneinfo/UTC", path), 0);
    (void)snprintf(path, sizeof(path), "%s/localtime", folder);
    ck_assert_int_eq(symlink("/usr/share/zoneinfo/UTC", path), 0);
    if (access(path, R_OK) == 0) { /* else this host has no tables */
        ck_assert_int_eq(rbk_zones_find(&arena, RBK_STR("localtime"), &zone), RBK_ZONE_UNKNOWN);
    }
    ck_assert_int_eq(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/UTC", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A plan may name every zone there is, and each is a stage's. */
START_TEST(a_zone_takes_no_more_room_than_its_table)
{
    struct rbk_arena small;
    const struct rbk_zone *zone;
    if (rbk_zones_find(&arena, RBK_STR("Europe/Berlin"), &zone) != RBK_ZONE_FOUND) {
        return; /* no tables */
    }
    rbk_arena_init(&small, (size_t)8 << 20);
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(rbk_zones_find(&small, RBK_STR("Europe/Berlin"), &zone), RBK_ZONE_FOUND);
    }
    rbk_arena_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zones");
    TCase *tests = tcase_create("zones");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_add_test(tests, zones_show_what_the_c_library_says);
    tcase_add_test(tests, what_is_no_zone_is_told_apart);
    tcase_add_test(tests, the_zone_of_a_host_is_no_name);
    tcase_add_test(tests, a_zone_takes_no_more_room_than_its_table);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
