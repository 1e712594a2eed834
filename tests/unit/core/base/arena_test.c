/*
 * Arenas: what is handed out is zeroed, aligned, apart from its neighbours and within the maximum;
 * exhaustion is a NULL or the end of the process, never a wrapped size.
 */
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1024)

START_TEST(allocations_are_zeroed_aligned_and_apart)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, KIB * KIB);
    unsigned char *before = NULL;
    for (size_t i = 0; i < 2000; i++) {
        size_t bytes = i % 97 + 1;
        size_t align = (size_t)1 << (i % 7);
        unsigned char *now = rbk_arena_alloc(&arena, bytes, align);
        ck_assert_uint_eq((uintptr_t)now % align, 0);
        for (size_t k = 0; k < bytes; k++) {
            ck_assert_uint_eq(now[k], 0);
        }
        memset(now, 0xff, bytes);
        ck_assert_ptr_ne(now, before);
        before = now;
    }
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(the_maximum_holds_and_the_arena_stays_usable)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, 64 * KIB);
    ck_assert_ptr_null(rbk_arena_try_alloc(&arena, 65 * KIB, 1));
    size_t total = 0;
    while (rbk_arena_try_alloc(&arena, 100, 8)) {
        total += 100;
        ck_assert_uint_le(total, 64 * KIB);
    }
    ck_assert_uint_gt(total, 48 * KIB);
    ck_assert_uint_le(arena.bytes_held, 64 * KIB);
    rbk_arena_reset(&arena);
    ck_assert_ptr_nonnull(rbk_arena_try_alloc(&arena, 100, 8));
    rbk_arena_fini(&arena);
    ck_assert_uint_eq(arena.bytes_held, 0);
}
END_TEST

START_TEST(huge_requests_do_not_wrap)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, SIZE_MAX);
    ck_assert_ptr_null(rbk_arena_try_alloc(&arena, SIZE_MAX, 64));
    ck_assert_ptr_null(rbk_arena_try_alloc(&arena, SIZE_MAX - 63, 64));
    ck_assert_ptr_null(rbk_arena_try_alloc(&arena, SIZE_MAX / 2, 1));
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(exhaustion_ends_the_process_with_status_3)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, KIB);
    void *never = rbk_arena_alloc(&arena, 2 * KIB, 1);
    ck_abort_msg("got %p", never);
}
END_TEST

START_TEST(an_array_whose_size_overflows_ends_the_process_with_status_3)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, KIB);
    uint64_t *never = rbk_new_array(&arena, uint64_t, SIZE_MAX / 4);
    ck_abort_msg("got %p", (void *)never);
}
END_TEST

START_TEST(a_reset_arena_hands_out_zeroes_again)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, KIB * KIB);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++) {
            unsigned char *block = rbk_arena_alloc(&arena, 1000, 1);
            size_t zeroes = 0; /* one assertion a block: each costs a system call */
            while (zeroes < 1000 && block[zeroes] == 0) {
                zeroes++;
            }
            ck_assert_uint_eq(zeroes, 1000);
            memset(block, 0xaa, 1000);
        }
        rbk_arena_reset(&arena);
        ck_assert_uint_eq(arena.bytes_used, 0);
    }
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(copies_and_formatted_text_end_in_nul)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, KIB * KIB);
    struct rbk_str copy = rbk_arena_copy(&arena, (struct rbk_str){"stage", 3});
    ck_assert_uint_eq(copy.bytes, 3);
    ck_assert_str_eq(copy.data, "sta");
    ck_assert_str_eq(rbk_arena_copy(&arena, (struct rbk_str){NULL, 0}).data, "");
    struct rbk_str text = rbk_arena_printf(&arena, "%s.%d", "apply", 7);
    ck_assert_uint_eq(text.bytes, 7);
    ck_assert_str_eq(text.data, "apply.7");
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("arena");
    tcase_add_test(cases, allocations_are_zeroed_aligned_and_apart);
    tcase_add_test(cases, the_maximum_holds_and_the_arena_stays_usable);
    tcase_add_test(cases, huge_requests_do_not_wrap);
    tcase_add_exit_test(cases, exhaustion_ends_the_process_with_status_3, 3);
    tcase_add_exit_test(cases, an_array_whose_size_overflows_ends_the_process_with_status_3, 3);
    tcase_add_test(cases, a_reset_arena_hands_out_zeroes_again);
    tcase_add_test(cases, copies_and_formatted_text_end_in_nul);
    Suite *suite = suite_create("base/arena");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
