#ifndef RBK_TESTS_UNIT_STORE_FIXTURE_H
#define RBK_TESTS_UNIT_STORE_FIXTURE_H

/* What the tests of the store begin with: a folder of their own, and a run in a store. */

#include "runtime/store/store.h"

/** Room for the name of a folder. */
#define STORE_FOLDER_BYTES 64

/** Makes a temporary folder. */
void store_fixture_folder(char ret_folder[STORE_FOLDER_BYTES]);
/** Removes a folder with all that is in it. */
void store_fixture_remove(const char *folder);
/** Puts a machine and a run of it into a store, durably. */
void store_fixture_put_run(struct rbk_store *store, const char *id);

#endif
