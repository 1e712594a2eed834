#ifndef RBK_TESTS_FUZZ_FUZZ_H
#define RBK_TESTS_FUZZ_FUZZ_H

/*
 * What a fuzz target defines. It is linked with libFuzzer, or with replay.c, which runs it over the
 * files of a corpus.
 */

#include <stddef.h>
#include <stdint.h>

/* One input. Returns 0; a finding ends the process. */
/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer gives the name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
