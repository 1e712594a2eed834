/*
 * One block for each value:
 *
 *     | items of the list | items of lists in it … | texts, each ending in NUL … |
 *
 * Items come first, depth by depth as they are met, so that none is out of line; the texts behind
 * them need no alignment.
 */
#include "runtime/executor/values.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"

/* How much of a block is items, and how much is text. */
struct extent {
    size_t items;
    size_t text;
};

static bool is_textual(struct rbk_value value)
{
    switch (value.type) {
    case RBK_TYPE_TEXT:
    case RBK_TYPE_URL:
    case RBK_TYPE_JSON:
    case RBK_TYPE_SCALAR:
    case RBK_TYPE_SECRET:
        return true;
    default:
        return false;
    }
}

/* Lists nest RBK_VALUE_DEPTH_MAX deep at most: whoever makes a value sees to that. */
static void measure(struct rbk_value value, struct extent *extent)
{
    if (value.missing) {
        return;
    }
    if (is_textual(value)) {
        extent->text += value.as.text.bytes + 1;
    } else if (value.type == RBK_TYPE_LIST) {
        extent->items += value.as.list.count;
        for (size_t i = 0; i < value.as.list.count; i++) {
            measure(value.as.list.items[i], extent);
        }
    }
}

size_t rbk_value_block_bytes(struct rbk_value value)
{
    struct extent extent = {0};

    measure(value, &extent);
    return extent.items * sizeof(struct rbk_value) + extent.text;
}

/* The copy; moves on both places to what is still free. */
static struct rbk_value copy(struct rbk_value value, struct rbk_value **items, char **text)
{
    if (value.missing) {
        return value;
    }
    if (is_textual(value)) {
        struct rbk_str from = value.as.text;

        if (from.bytes != 0) {
            memcpy(*text, from.data, from.bytes);
        }
        value.as.text.data = *text;
        *text += from.bytes;
        *(*text)++ = '\0';
    } else if (value.type == RBK_TYPE_LIST) {
        struct rbk_value *own = *items;

        *items += value.as.list.count;
        for (size_t i = 0; i < value.as.list.count; i++) {
            own[i] = copy(value.as.list.items[i], items, text);
        }
        value.as.list.items = own;
    }
    return value;
}

int rbk_values_init(struct rbk_values *values, size_t count)
{
    *values = (struct rbk_values){0};
    values->items = calloc(count + 1, sizeof(*values->items));
    values->blocks = calloc(count + 1, sizeof(*values->blocks));
    if (values->items == NULL || values->blocks == NULL) {
        rbk_values_fini(values);
        return -RBK_ENOMEM;
    }
    values->count = count;
    for (size_t i = 0; i < count; i++) {
        values->items[i] = rbk_value_missing(RBK_TYPE_UNKNOWN);
    }
    return 0;
}

void rbk_values_fini(struct rbk_values *values)
{
    for (size_t i = 0; values->blocks != NULL && i < values->count; i++) {
        free(values->blocks[i]);
    }
    free(values->blocks);
    free(values->items);
    *values = (struct rbk_values){0};
}

int rbk_values_set(struct rbk_values *values, size_t index, struct rbk_value value)
{
    struct extent extent = {0};
    char *block = NULL, *text;
    struct rbk_value *items;
    size_t bytes;

    RBK_ASSERT(index < values->count);
    measure(value, &extent);
    bytes = extent.items * sizeof(struct rbk_value) + extent.text;
    if (bytes != 0) {
        if ((block = malloc(bytes)) == NULL) {
            return -RBK_ENOMEM;
        }
        items = (void *)block;
        text = block + extent.items * sizeof(struct rbk_value);
        value = copy(value, &items, &text);
    } else if (!value.missing && value.type == RBK_TYPE_LIST) {
        value.as.list.items = NULL; /* an empty list refers to nothing */
    }
    values->bytes += bytes;
    values->bytes -= rbk_value_block_bytes(values->items[index]);
    free(values->blocks[index]);
    values->blocks[index] = block;
    values->items[index] = value;
    return 0;
}
