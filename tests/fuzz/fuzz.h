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

/* Changes an input of libFuzzer's; see mutate.c. Returns the new length. */
/* NOLINTNEXTLINE(readability-identifier-naming) */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned seed);

/* libFuzzer's own way to change one. */
/* NOLINTNEXTLINE(readability-identifier-naming) */
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t bytes_max);

#endif
