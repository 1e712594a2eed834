/* See fixture.h. */
#include "tests/unit/store/fixture.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void store_fixture_folder(char ret_folder[STORE_FOLDER_BYTES])
{
    snprintf(ret_folder, STORE_FOLDER_BYTES, "/tmp/rbk-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(ret_folder));
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

void store_fixture_remove(const char *folder)
{
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void store_fixture_put_run(struct rbk_store *store, const char *id)
{
    struct rbk_error error;
    const struct rbk_store_run run = {.id = rbk_str_from(id),
                                      .machine = RBK_STR("feed"),
                                      .plan = RBK_STR("plan"),
                                      .status = RBK_STR("ready"),
                                      .started_ms = 1000};

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_machine(store, "feed", RBK_STR("{}"), &error), 0);
    ck_assert_int_eq(rbk_store_create_run(store, &run, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
}
