/*
 * Maps: every key is found again among a hundred thousand, walking gives the order of adding, and
 * adding twice changes nothing.
 */
#include "runtime/core/base/map.h"

#include <check.h>
#include <stdlib.h>

#define KEY_COUNT 100000

static struct rbk_arena arena;

static void open_arena(void)
{
    rbk_arena_init(&arena, (size_t)64 << 20);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

START_TEST(a_hundred_thousand_keys_are_found_in_the_order_of_adding)
{
    struct rbk_map map;
    rbk_map_init(&map, &arena);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        ck_assert(rbk_map_add_index(&map, rbk_arena_printf(&arena, "stage_%u", i), i));
    }
    ck_assert_uint_eq(map.count, KEY_COUNT);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        uint32_t index = KEY_COUNT;
        ck_assert(rbk_map_get_index(&map, rbk_arena_printf(&arena, "stage_%u", i), &index));
        ck_assert_uint_eq(index, i);
        ck_assert_uint_eq(map.entries[i].value.index, i);
    }
    ck_assert_ptr_null(rbk_map_find(&map, RBK_STR("stage_100000")));
    ck_assert_ptr_null(rbk_map_find(&map, RBK_STR("stage_")));
}
END_TEST

START_TEST(adding_a_key_twice_keeps_the_first_value)
{
    struct rbk_map map;
    rbk_map_init(&map, &arena);
    int first = 1;
    int second = 2;
    ck_assert_ptr_null(rbk_map_get(&map, RBK_STR("a")));
    ck_assert(rbk_map_add(&map, RBK_STR("a"), &first));
    ck_assert(!rbk_map_add(&map, RBK_STR("a"), &second));
    ck_assert_ptr_eq(rbk_map_get(&map, RBK_STR("a")), &first);
    rbk_map_set(&map, RBK_STR("a"), &second);
    ck_assert_ptr_eq(rbk_map_get(&map, RBK_STR("a")), &second);
    ck_assert_uint_eq(map.count, 1);
}
END_TEST

START_TEST(keys_are_bytes_not_text)
{
    struct rbk_map map;
    rbk_map_init(&map, &arena);
    rbk_map_set_index(&map, (struct rbk_str){"a\0b", 3}, 1);
    rbk_map_set_index(&map, (struct rbk_str){"a\0c", 3}, 2);
    rbk_map_set_index(&map, (struct rbk_str){"a", 1}, 3);
    rbk_map_set_index(&map, (struct rbk_str){NULL, 0}, 4);
    uint32_t index = 0;
    ck_assert(rbk_map_get_index(&map, (struct rbk_str){"a\0c", 3}, &index));
    ck_assert_uint_eq(index, 2);
    ck_assert(rbk_map_get_index(&map, RBK_STR(""), &index));
    ck_assert_uint_eq(index, 4);
    ck_assert_uint_eq(map.count, 4);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("map");
    tcase_add_checked_fixture(cases, open_arena, close_arena);
    tcase_add_test(cases, a_hundred_thousand_keys_are_found_in_the_order_of_adding);
    tcase_add_test(cases, adding_a_key_twice_keeps_the_first_value);
    tcase_add_test(cases, keys_are_bytes_not_text);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("base/map");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
