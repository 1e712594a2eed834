/*
 * Floor: bare one-row commits of SQLite, WAL with synchronous=FULL, the settings of the store; with
 * a PROGRAM, starting it and waiting for it before each commit. Nothing else.
 *
 * usage: floor_commits DATABASE COUNT [PROGRAM]      prints the seconds it took
 */
#include <spawn.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool ran(char *program)
{
    char *words[] = {program, NULL};
    pid_t child;
    int status;

    return posix_spawn(&child, program, NULL, NULL, words, environ) == 0 &&
           waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
    long count = argc == 3 || argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    sqlite3 *database;
    sqlite3_stmt *insert;
    double start;

    if (count <= 0 || sqlite3_open(argv[1], &database) != SQLITE_OK ||
        sqlite3_exec(database,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA wal_autocheckpoint = 0;"
                     "CREATE TABLE row (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, "INSERT INTO row (body) VALUES (?1)", -1, &insert, NULL) !=
            SQLITE_OK) {
        fprintf(stderr, "usage: floor_commits DATABASE COUNT [PROGRAM]\n");
        return 2;
    }
    start = now();
    for (long i = 0; i < count; i++) {
        if (argc == 4 && !ran(argv[3])) {
            return 1;
        }
        sqlite3_bind_text(insert, 1, "{\"outcome\":\"ok\",\"serial\":12345}", -1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE) {
            return 1;
        }
        sqlite3_reset(insert);
    }
    printf("%.6f\n", now() - start);
    sqlite3_finalize(insert);
    return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
