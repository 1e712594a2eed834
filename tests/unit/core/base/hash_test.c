/*
 * SHA-256 against the vectors of FIPS 180-2, whole and in pieces.
 */
#include "runtime/core/base/hash.h"
#include "runtime/core/base/str.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    const char *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(the_published_vectors_hold)
{
    struct rbk_str text = rbk_str_from(vectors[_i].text);
    char hex[RBK_SHA256_HEX_BYTES];
    rbk_sha256_hex(text.data, text.bytes, hex);
    ck_assert_str_eq(hex, vectors[_i].hex);
}
END_TEST

START_TEST(pieces_give_the_hash_of_the_whole)
{
    struct rbk_str text = rbk_str_from(vectors[_i].text);
    struct rbk_sha256 hash;
    rbk_sha256_init(&hash);
    for (size_t at = 0; at < text.bytes; at++) {
        rbk_sha256_update(&hash, text.data + at, 1);
    }
    rbk_sha256_update(&hash, NULL, 0);
    char hex[RBK_SHA256_HEX_BYTES];
    rbk_sha256_final_hex(&hash, hex);
    rbk_sha256_fini(&hash);
    ck_assert_str_eq(hex, vectors[_i].hex);
}
END_TEST

START_TEST(a_hash_begun_again_knows_nothing_of_the_one_before)
{
    struct rbk_str text = rbk_str_from(vectors[_i].text);
    struct rbk_sha256 hash;
    char hex[RBK_SHA256_HEX_BYTES];
    rbk_sha256_init(&hash);
    rbk_sha256_update(&hash, "before", 6);
    rbk_sha256_final_hex(&hash, hex);
    for (int times = 0; times < 2; times++) {
        rbk_sha256_restart(&hash);
        rbk_sha256_update(&hash, text.data, text.bytes);
        rbk_sha256_final_hex(&hash, hex);
        ck_assert_str_eq(hex, vectors[_i].hex);
        rbk_sha256_restart(&hash); /* and what was left unfinished is forgotten too */
        rbk_sha256_update(&hash, "unfinished", 10);
    }
    rbk_sha256_fini(&hash);
}
END_TEST

START_TEST(a_million_letters_hash_as_published)
{
    struct rbk_sha256 hash;
    rbk_sha256_init(&hash);
    char letters[1000];
    memset(letters, 'a', sizeof(letters));
    for (int i = 0; i < 1000; i++) {
        rbk_sha256_update(&hash, letters, sizeof(letters));
    }
    char hex[RBK_SHA256_HEX_BYTES];
    rbk_sha256_final_hex(&hash, hex);
    rbk_sha256_fini(&hash);
    rbk_sha256_fini(&hash);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("hash");
    int vector_count = (int)(sizeof(vectors) / sizeof(vectors[0]));
    tcase_add_loop_test(cases, the_published_vectors_hold, 0, vector_count);
    tcase_add_loop_test(cases, pieces_give_the_hash_of_the_whole, 0, vector_count);
    tcase_add_loop_test(cases, a_hash_begun_again_knows_nothing_of_the_one_before, 0, vector_count);
    tcase_add_test(cases, a_million_letters_hash_as_published);
    Suite *suite = suite_create("base/hash");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
