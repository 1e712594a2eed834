/*
 * note_time FILE: writes when it was started, in nanoseconds since 1970. The effect up to which a
 * start or a reaction is measured: a shell and date(1) would take some milliseconds of their own.
 */
#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
    struct timespec now;
    FILE *file;

    if (argc != 2 || clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return 2;
    }
    file = fopen(argv[1], "w");
    if (file == NULL) {
        perror(argv[1]);
        return 1;
    }
    (void)fprintf(file, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    return fclose(file) == 0 ? 0 : 1;
}
