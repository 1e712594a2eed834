/*
 * make_empty FOLDER FILE: run while rbk is built. Makes an empty store in FOLDER, as rbk does where
 * it cannot write a new one at once, and writes its bytes to FILE as C.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/store/sqlite_internal.h"

/* What is to be made here is not there yet. */
struct rbk_str rbk_sqlite_empty_store(void)
{
    return (struct rbk_str){NULL, 0};
}

RBK_NORETURN static void fail(const char *what)
{
    (void)fprintf(stderr, "make_empty: %s\n", what);
    exit(1);
}

/* An empty store whose bytes are all in its file. */
static void make(const char *path)
{
    struct rbk_store *store;
    struct rbk_error error = {0};
    sqlite3 *database;

    if (rbk_store_open(path, RBK_STORE_KEEPER, &store, &error) != 0) {
        fail(error.text);
    }
    rbk_store_close(store);
    if (sqlite3_open(path, &database) != SQLITE_OK ||
        sqlite3_exec(database, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) !=
            SQLITE_OK ||
        sqlite3_close(database) != SQLITE_OK) {
        fail("cannot bring the store into its file");
    }
}

static void write_as_c(FILE *from, FILE *to)
{
    size_t count = 0;
    int byte;

    (void)fputs("/* Written by make_empty. */\n"
                "#include \"runtime/store/sqlite_internal.h\"\n\n"
                "static const unsigned char image[] = {",
                to);
    while ((byte = fgetc(from)) != EOF) {
        (void)fprintf(to, "%s%d,", count++ % 32 == 0 ? "\n" : "", byte);
    }
    (void)fputs("\n};\n\n"
                "struct rbk_str rbk_sqlite_empty_store(void)\n"
                "{\n"
                "    return (struct rbk_str){(const char *)image, sizeof(image)};\n"
                "}\n",
                to);
}

int main(int argc, char **argv)
{
    char folder[RBK_PATH_BYTES_MAX], path[RBK_PATH_BYTES_MAX + 16], lock[RBK_PATH_BYTES_MAX + 32];
    FILE *from, *to;

    if (argc != 3 ||
        (size_t)snprintf(folder, sizeof(folder), "%s/store-XXXXXX", argv[1]) >= sizeof(folder)) {
        fail("usage: make_empty FOLDER FILE");
    }
    if (mkdtemp(folder) == NULL) {
        fail("cannot make a folder");
    }
    (void)snprintf(path, sizeof(path), "%s/store.db", folder);
    (void)snprintf(lock, sizeof(lock), "%s-lock", path);
    make(path);
    if ((from = fopen(path, "rb")) == NULL || (to = fopen(argv[2], "w")) == NULL) {
        fail("cannot copy the store");
    }
    write_as_c(from, to);
    if (ferror(from) || fclose(to) != 0) {
        fail("cannot copy the store");
    }
    (void)fclose(from);
    (void)unlink(path);
    (void)unlink(lock);
    (void)rmdir(folder);
    return 0;
}
