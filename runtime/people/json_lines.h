#ifndef RBK_RUNTIME_PEOPLE_JSON_LINES_H
#define RBK_RUNTIME_PEOPLE_JSON_LINES_H

/*
 * The story as JSON, one object a line, ASCII only:
 *
 *     {"seq":12,"at":"2026-11-21T22:04:11.250Z","kind":"result","status":"running","stage":"migrate",
 *      "step":"migrate.apply.1","outcome":"fail","text":"…","lines":[{"tone":"bad","stage":…,"text":…}]}
 *
 * Keys that do not apply are left out; "text" is the first line.
 */

#include "runtime/people/show.h"

struct json_t;

/* Text as JSON can carry it: bytes that are not UTF-8 are made visible. A new reference. */
struct json_t *rbk_json_text(struct rbk_str text);
/* An instant as ISO 8601 in UTC; null for 0. A new reference. */
struct json_t *rbk_json_time(uint64_t at_ms);
/* Set a text or time unless it is empty or 0. */
void rbk_json_set_text(struct json_t *object, const char *key, struct rbk_str text);
void rbk_json_set_time(struct json_t *object, const char *key, uint64_t at_ms);

/* One record as the object above. A new reference. */
struct json_t *rbk_json_record(const struct rbk_view *view, const struct rbk_shown_record *shown);

#endif
