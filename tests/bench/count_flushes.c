/*
 * Preloaded into a program: counts its fsync and fdatasync calls and writes the number to the file
 * named by COUNT_FLUSHES when it ends.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long flushes;

int fsync(int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    flushes++;
    return real(descriptor);
}

int fdatasync(int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    flushes++;
    return real(descriptor);
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("COUNT_FLUSHES");
    FILE *file = path != NULL && flushes != 0 ? fopen(path, "a") : NULL;

    if (file != NULL) {
        fprintf(file, "%lu\n", flushes);
        fclose(file);
    }
}
