/*
 * Edit distance with transpositions (optimal string alignment), on bytes: names are short, and an
 * alphabet beyond ASCII only makes a letter count twice.
 */
#include "compiler/nearest.h"

#include <ctype.h>
#include <string.h>

/* Longer words are not compared: nobody mistypes them into one another. */
#define WORD_BYTES_MAX 64

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The distance of two words of at most WORD_BYTES_MAX bytes. */
static unsigned distance(struct rbk_str a, struct rbk_str b)
{
    unsigned rows[3][WORD_BYTES_MAX + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];
    for (unsigned j = 0; j <= b.bytes; j++) {
        last[j] = j;
    }
    memset(before, 0, sizeof(rows[0]));
    for (unsigned i = 1; i <= a.bytes; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.bytes; j++) {
            int left = tolower((unsigned char)a.data[i - 1]);
            int right = tolower((unsigned char)b.data[j - 1]);
            unsigned best = last[j - 1] + (left != right);
            best = smaller(best, smaller(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && left == tolower((unsigned char)b.data[j - 2]) &&
                tolower((unsigned char)a.data[i - 2]) == right) {
                best = smaller(best, before[j - 2] + 1);
            }
            row[j] = best;
        }
        unsigned *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.bytes];
}

void rbk_nearest_init(struct rbk_nearest *nearest, struct rbk_str word)
{
    unsigned near = word.bytes < 2 ? 0 : word.bytes < 6 ? 1 : (unsigned)(word.bytes / 3);
    nearest->word = word;
    nearest->best = RBK_STR("");
    nearest->distance = near + 1;
}

void rbk_nearest_offer(struct rbk_nearest *nearest, struct rbk_str candidate)
{
    struct rbk_str word = nearest->word;
    if (word.bytes > WORD_BYTES_MAX || candidate.bytes > WORD_BYTES_MAX || candidate.bytes == 0) {
        return;
    }
    size_t difference =
        word.bytes > candidate.bytes ? word.bytes - candidate.bytes : candidate.bytes - word.bytes;
    if (difference >= nearest->distance || rbk_str_equal(word, candidate)) {
        return;
    }
    unsigned found = distance(word, candidate);
    if (found < nearest->distance) {
        nearest->distance = found;
        nearest->best = candidate;
    }
}
