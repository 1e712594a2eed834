/*
 * Tokens: no two are alike, only the very text matches, and nothing else has their form.
 */
#include "runtime/serve/token.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[RBK_TOKEN_BYTES];
static char hash[RBK_SHA256_HEX_BYTES];
static struct rbk_str id;

static struct rbk_store_token stored(void)
{
    struct rbk_error error;

    ck_assert_int_eq(rbk_token_make(text, &error), 0);
    ck_assert(rbk_token_read(rbk_str_from(text), &id));
    rbk_token_hash(rbk_str_from(text), hash);
    return (struct rbk_store_token){.id = id, .sha256 = rbk_str_from(hash)};
}

START_TEST(every_token_is_another_one_in_all_its_characters)
{
    unsigned seen[RBK_TOKEN_BYTES] = {0};
    char last[RBK_TOKEN_BYTES] = "";

    for (int i = 0; i < 200; i++) {
        (void)stored();
        ck_assert_uint_eq(strlen(text), RBK_TOKEN_BYTES - 1);
        ck_assert_str_ne(text, last);
        for (size_t j = 0; j < RBK_TOKEN_BYTES - 1; j++) {
            seen[j] |= text[j] == last[j] ? 0u : 1u;
        }
        memcpy(last, text, sizeof(last));
    }
    for (size_t j = 4; j < RBK_TOKEN_BYTES - 1; j++) {
        ck_assert_msg(seen[j] != 0 || j == 4 + RBK_TOKEN_ID_CHARS, "character %zu never changes",
                      j);
    }
}
END_TEST

START_TEST(only_the_very_text_matches)
{
    struct rbk_store_token token = stored();

    ck_assert(rbk_token_matches(&token, rbk_str_from(text)));
    for (size_t i = 0; i < RBK_TOKEN_BYTES - 1; i++) {
        char kept = text[i];

        text[i] = kept == 'a' ? 'b' : 'a';
        ck_assert_msg(!rbk_token_matches(&token, rbk_str_from(text)), "character %zu", i);
        text[i] = kept;
    }
    ck_assert(!rbk_token_matches(&token, rbk_str_from("")));
    token.sha256.bytes = 10;
    ck_assert(!rbk_token_matches(&token, rbk_str_from(text)));
}
END_TEST

START_TEST(what_has_another_form_is_no_token)
{
    char changed[RBK_TOKEN_BYTES + 1];
    static const char odd[] = {'\0', 'A', '0', '1', '8', '9', ' ', '_', '-', '\x80'};

    (void)stored();
    ck_assert(rbk_token_read(rbk_str_from(text), &id));
    ck_assert_uint_eq(id.bytes, RBK_TOKEN_ID_CHARS);
    ck_assert(!rbk_token_read((struct rbk_str){text, RBK_TOKEN_BYTES - 2}, &id));
    (void)snprintf(changed, sizeof(changed), "%sa", text);
    ck_assert(!rbk_token_read(rbk_str_from(changed), &id));
    ck_assert(!rbk_token_read(RBK_STR(""), &id));
    for (size_t i = 0; i < RBK_TOKEN_BYTES - 1; i++) {
        for (size_t j = 0; j < sizeof(odd); j++) {
            memcpy(changed, text, RBK_TOKEN_BYTES);
            if (changed[i] == odd[j]) {
                continue;
            }
            changed[i] = odd[j];
            ck_assert_msg(!rbk_token_read((struct rbk_str){changed, RBK_TOKEN_BYTES - 1}, &id),
                          "character %zu", i);
        }
    }
}
END_TEST

START_TEST(a_token_ends_at_its_time_or_when_it_is_revoked)
{
    struct rbk_store_token token = {.expires_ms = 1000};

    ck_assert_ptr_null(rbk_token_useless(&token, 999));
    ck_assert_str_eq(rbk_token_useless(&token, 1000), "expired");
    token.expires_ms = 0;
    ck_assert_ptr_null(rbk_token_useless(&token, INT64_MAX));
    token.revoked_ms = 5;
    ck_assert_str_eq(rbk_token_useless(&token, 1), "revoked");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_token");
    TCase *cases = tcase_create("serve_token");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, every_token_is_another_one_in_all_its_characters);
    tcase_add_test(cases, only_the_very_text_matches);
    tcase_add_test(cases, what_has_another_form_is_no_token);
    tcase_add_test(cases, a_token_ends_at_its_time_or_when_it_is_revoked);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
