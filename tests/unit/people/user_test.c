/*
 * Who sits at the keyboard. Cases become somebody else for a while; only root can, so without it
 * there is only oneself to ask about.
 */
#include "runtime/people/user.h"

#include <check.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

/* What a person could say of himself. */
static void pretend(const char *name)
{
    ck_assert_int_eq(setenv("USER", name, 1), 0);
    ck_assert_int_eq(setenv("LOGNAME", name, 1), 0);
    ck_assert_int_eq(setenv("SUDO_USER", name, 1), 0);
    ck_assert_int_eq(setenv("SUDO_UID", "0", 1), 0);
}

START_TEST(the_environment_does_not_say_who_it_is)
{
    char name[RBK_USER_BYTES];
    const struct passwd *entry = getpwuid(getuid());

    pretend("dana");
    rbk_user_name(name);
    ck_assert_str_ne(name, "dana");
    if (entry != NULL) {
        ck_assert_str_eq(name, entry->pw_name);
    }
}
END_TEST

START_TEST(an_id_without_a_name_is_the_id)
{
    char name[RBK_USER_BYTES];

    if (geteuid() != 0 || getpwuid(54321) != NULL) {
        return;
    }
    pretend("dana");
    ck_assert_int_eq(setresuid(54321, 54321, 0), 0);
    rbk_user_name(name);
    ck_assert_int_eq(setresuid(0, 0, 0), 0); /* or a leak checker may not look at this process */
    ck_assert_str_eq(name, "uid 54321");
}
END_TEST

START_TEST(the_real_id_counts_and_not_the_effective_one)
{
    char name[RBK_USER_BYTES];
    const struct passwd *root = getpwuid(0);

    if (geteuid() != 0 || root == NULL || getpwuid(65534) == NULL) {
        return;
    }
    ck_assert_int_eq(seteuid(65534), 0);
    rbk_user_name(name);
    ck_assert_int_eq(seteuid(0), 0); /* or a leak checker may not look at this process */
    ck_assert_str_eq(name, "root");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("user");
    TCase *tests = tcase_create("user");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_environment_does_not_say_who_it_is);
    tcase_add_test(tests, an_id_without_a_name_is_the_id);
    tcase_add_test(tests, the_real_id_counts_and_not_the_effective_one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
