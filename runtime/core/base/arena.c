/*
 * Arenas as a list of chunks. The newest chunk is filled from its start; a request that does not
 * fit opens a new one of twice the size (or of the request, when that is more). A chunk comes from
 * calloc(), so its memory is zero until it is handed out, and the pages of a large one cost nothing
 * before they are touched. The kernel is asked to back large chunks by huge pages: a page fault for
 * every 4 KiB was a fifth of the time it took to check a plan of 100,000 lines.
 *
 *     chunk: | header | used ............ | free: poisoned ........... |
 *
 * Invariant: the free part of every chunk is zero.
 */
#include "runtime/core/base/arena.h"

#include "runtime/core/base/assert.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define RBK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RBK_ASAN 1
#endif
#endif

#ifdef RBK_ASAN
#include <sanitizer/asan_interface.h>
#define poison(START, BYTES) ASAN_POISON_MEMORY_REGION((START), (BYTES))
#define unpoison(START, BYTES) ASAN_UNPOISON_MEMORY_REGION((START), (BYTES))
#else
#define poison(START, BYTES) ((void)(START), (void)(BYTES))
#define unpoison(START, BYTES) ((void)(START), (void)(BYTES))
#endif

#define CHUNK_BYTES_MIN ((size_t)1 << 10) /* an arena for one event is filled with little */
#define CHUNK_BYTES_MAX ((size_t)16 << 20)
#define HUGE_PAGE_BYTES ((uintptr_t)2 << 20) /* Of x86-64 and arm64; elsewhere advice is lost. */
#define ALIGN_MAX ((size_t)4096)

struct rbk_arena_chunk {
    struct rbk_arena_chunk *next; /**< The chunk opened before this one; owned. */
    size_t capacity;              /**< Bytes in `data`. */
    size_t used;                  /**< Bytes of `data` handed out, from its start. */
    max_align_t data[];
};

RBK_NORETURN static void exhausted(const struct rbk_arena *arena, size_t bytes)
{
    (void)fprintf(stderr, "rbk: out of memory: %zu more bytes wanted, %zu in use, limit %zu\n",
                  bytes, arena->bytes_held, arena->bytes_max);
    exit(3);
}

static char *chunk_start(struct rbk_arena_chunk *chunk)
{
    return (char *)chunk->data;
}

/** Advise huge pages for those that lie wholly inside. Only advice: without it all is the same. */
static void advise_huge_pages(void *start, size_t bytes)
{
    uintptr_t padding = -(uintptr_t)start & (HUGE_PAGE_BYTES - 1);
    if (bytes >= HUGE_PAGE_BYTES && padding <= bytes - HUGE_PAGE_BYTES) {
        size_t inside = (bytes - padding) & ~(size_t)(HUGE_PAGE_BYTES - 1);
        (void)madvise((char *)start + padding, inside, MADV_HUGEPAGE);
    }
}

/** A chunk with room for `bytes_min` at the head of the list, or NULL. */
static struct rbk_arena_chunk *chunk_open(struct rbk_arena *arena, size_t bytes_min)
{
    size_t left = arena->bytes_max - arena->bytes_held;
    if (left < sizeof(struct rbk_arena_chunk) ||
        bytes_min > left - sizeof(struct rbk_arena_chunk)) {
        return NULL;
    }
    left -= sizeof(struct rbk_arena_chunk);

    size_t capacity = arena->chunks ? arena->chunks->capacity * 2 : CHUNK_BYTES_MIN;
    capacity = capacity < CHUNK_BYTES_MAX ? capacity : CHUNK_BYTES_MAX;
    capacity = capacity > bytes_min ? capacity : bytes_min;
    capacity = capacity < left ? capacity : left;

    struct rbk_arena_chunk *chunk = calloc(1, sizeof(*chunk) + capacity);
    if (!chunk) {
        return NULL;
    }
    advise_huge_pages(chunk, sizeof(*chunk) + capacity);
    chunk->capacity = capacity;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->bytes_held += sizeof(*chunk) + capacity;
    poison(chunk_start(chunk), capacity);
    return chunk;
}

/** Poisoned bytes after each allocation under ASan, so that a small overrun is seen. */
static size_t red_zone(size_t left)
{
#ifdef RBK_ASAN
    return left < 8 ? left : 8;
#else
    (void)left;
    return 0;
#endif
}

/** `bytes` at `align` from what is free in a chunk, or NULL when they do not fit. */
static void *chunk_take(struct rbk_arena *arena, struct rbk_arena_chunk *chunk, size_t bytes,
                        size_t align)
{
    uintptr_t free_start = (uintptr_t)chunk_start(chunk) + chunk->used;
    size_t padding = (size_t)(-free_start & (align - 1));
    size_t left = chunk->capacity - chunk->used;
    if (padding > left || bytes > left - padding) {
        return NULL;
    }

    char *start = chunk_start(chunk) + chunk->used + padding;
    size_t taken = padding + bytes + red_zone(left - padding - bytes);
    chunk->used += taken;
    arena->bytes_used += taken;
    unpoison(start, bytes);
    return start;
}

void rbk_arena_init(struct rbk_arena *arena, size_t bytes_max)
{
    *arena = (struct rbk_arena){.bytes_max = bytes_max};
}

void rbk_arena_fini(struct rbk_arena *arena)
{
    struct rbk_arena_chunk *chunk = arena->chunks;
    while (chunk) {
        struct rbk_arena_chunk *next = chunk->next;
        unpoison(chunk_start(chunk), chunk->capacity);
        free(chunk);
        chunk = next;
    }
    rbk_arena_init(arena, arena->bytes_max);
}

void rbk_arena_reset(struct rbk_arena *arena)
{
    struct rbk_arena_chunk *kept = arena->chunks;
    for (struct rbk_arena_chunk *chunk = kept; chunk; chunk = chunk->next) {
        kept = chunk->capacity > kept->capacity ? chunk : kept;
    }
    struct rbk_arena_chunk *chunk = arena->chunks;
    while (chunk) {
        struct rbk_arena_chunk *next = chunk->next;
        if (chunk != kept) {
            unpoison(chunk_start(chunk), chunk->capacity);
            arena->bytes_held -= sizeof(*chunk) + chunk->capacity;
            free(chunk);
        }
        chunk = next;
    }
    if (kept) {
        unpoison(chunk_start(kept), kept->used);
        memset(chunk_start(kept), 0, kept->used);
        poison(chunk_start(kept), kept->capacity);
        kept->used = 0;
        kept->next = NULL;
    }
    arena->chunks = kept;
    arena->bytes_used = 0;
}

void *rbk_arena_try_alloc(struct rbk_arena *arena, size_t bytes, size_t align)
{
    RBK_ASSERT(align > 0);
    RBK_ASSERT((align & (align - 1)) == 0);
    RBK_ASSERT(align <= ALIGN_MAX);

    void *start = arena->chunks ? chunk_take(arena, arena->chunks, bytes, align) : NULL;
    if (start) {
        return start;
    }
    if (bytes > SIZE_MAX - align) {
        return NULL;
    }
    /* Only what is aligned more strictly than calloc()'s memory can need padding in a new chunk. */
    size_t padding_max = align > alignof(max_align_t) ? align - 1 : 0;
    struct rbk_arena_chunk *chunk = chunk_open(arena, bytes + padding_max);
    return chunk ? chunk_take(arena, chunk, bytes, align) : NULL;
}

void *rbk_arena_alloc(struct rbk_arena *arena, size_t bytes, size_t align)
{
    void *start = rbk_arena_try_alloc(arena, bytes, align);
    if (!start) {
        exhausted(arena, bytes);
    }
    return start;
}

void *rbk_arena_alloc_array(struct rbk_arena *arena, size_t count, size_t item_bytes, size_t align)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, item_bytes, &bytes)) {
        exhausted(arena, SIZE_MAX);
    }
    return rbk_arena_alloc(arena, bytes, align);
}

struct rbk_str rbk_arena_copy(struct rbk_arena *arena, struct rbk_str str)
{
    RBK_ASSERT(str.bytes < SIZE_MAX);
    char *copy = rbk_arena_alloc(arena, str.bytes + 1, 1);
    if (str.bytes > 0) {
        memcpy(copy, str.data, str.bytes);
    }
    return (struct rbk_str){copy, str.bytes};
}

struct rbk_str rbk_arena_printf(struct rbk_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    RBK_ASSERT(bytes >= 0);

    char *text = rbk_arena_alloc(arena, (size_t)bytes + 1, 1);
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)bytes + 1, format, arguments);
    va_end(arguments);
    return (struct rbk_str){text, (size_t)bytes};
}
