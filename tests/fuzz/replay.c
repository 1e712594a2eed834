/*
 * Runs a fuzz target without libFuzzer: over every file named on the command line, and over the
 * files of every folder named there. Every prefix of a file that is not large is run as well,
 * unless `--whole` stands first.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define PREFIX_BYTES_MAX ((size_t)64 << 10)

static void run_copy(const uint8_t *data, size_t bytes)
{
    /* Memory of its own length: a byte read beyond it is seen by a sanitizer. */
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (copy) {
        (void)memcpy(copy, data, bytes);
        (void)LLVMFuzzerTestOneInput(copy, bytes);
        free(copy);
    }
}

static bool run_file(const char *path, bool whole)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = file ? malloc(FILE_BYTES_MAX) : NULL;
    if (!data) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file) {
            (void)fclose(file);
        }
        return false;
    }
    size_t bytes = fread(data, 1, FILE_BYTES_MAX, file);
    (void)fclose(file);
    run_copy(data, bytes);
    size_t prefixes = whole || bytes > PREFIX_BYTES_MAX ? 0 : bytes;
    for (size_t prefix = 0; prefix < prefixes; prefix++) {
        run_copy(data, prefix);
    }
    free(data);
    return true;
}

static bool run_folder(const char *path, bool whole, int *count)
{
    DIR *folder = opendir(path);
    if (!folder) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = true;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char file[4096];
        struct stat info;
        int bytes = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (bytes > 0 && (size_t)bytes < sizeof(file) && stat(file, &info) == 0 &&
            S_ISREG(info.st_mode)) {
            good = run_file(file, whole) && good;
            (*count)++;
        }
    }
    (void)closedir(folder);
    return good;
}

int main(int argc, char **argv)
{
    bool good = true;
    int count = 0;
    bool whole = argc > 1 && strcmp(argv[1], "--whole") == 0;
    for (int i = whole ? 2 : 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode)) {
            good = run_folder(argv[i], whole, &count) && good;
        } else {
            good = run_file(argv[i], whole) && good;
            count++;
        }
    }
    (void)printf("%d files\n", count);
    return good && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
