/*
 * JSON bodies: where does each value stand? Outside a JSON string it becomes a whole JSON value,
 * inside one it becomes escaped text. Counting quotes and backslashes is all that takes.
 */
#include "compiler/lower/template.h"

#include "runtime/core/base/arena.h"

void rbk_template_json(struct rbk_arena *arena, struct rbk_pieces body, const bool **ret_inside,
                       size_t *ret_count)
{
    bool *inside = rbk_new_array(arena, bool, body.count + 1);
    size_t count = 0;
    bool in_string = false;
    bool escaped = false;
    for (size_t i = 0; i < body.count; i++) {
        const struct rbk_piece *piece = &body.items[i];
        if (piece->value != NULL) {
            inside[count++] = in_string;
            escaped = false;
            continue;
        }
        for (size_t at = 0; at < piece->text.bytes; at++) {
            char byte = piece->text.data[at];
            if (escaped) {
                escaped = false;
            } else if (in_string && byte == '\\') {
                escaped = true;
            } else if (byte == '"') {
                in_string = !in_string;
            }
        }
    }
    *ret_inside = inside;
    *ret_count = count;
}
