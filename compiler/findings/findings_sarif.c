/*
 * Findings as a SARIF 2.1.0 log: "Static Analysis Results Interchange Format (SARIF)
 * Version 2.1.0", OASIS standard, 27 March 2020. One run; a rule for each code that has a finding,
 * in ascending order, so that ruleIndex fits; a waived finding is suppressed in source, with the
 * plan's reason.
 *
 * Locations are relative to where rbkc was started, which in code review is the root of the
 * repository; an absolute path becomes a file: URI.
 */
#include "compiler/findings/findings.h"
#include "compiler/rules/rules.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA_URI \
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
/* The name of our fingerprints; the number changes when their making does. */
#define FINGERPRINT_NAME "rbkFinding/v1"

static const char *level(const struct rbk_finding *item)
{
    return rbk_severity_name(item->severity);
}

/* A path as a URI reference (RFC 3986): what is not unreserved or a slash is percent-encoded. */
static json_t *uri(struct rbk_findings *findings, struct rbk_str path)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char scheme[] = "file://";
    char *text = rbk_arena_alloc(&findings->arena, path.bytes * 3 + sizeof(scheme), 1);
    size_t bytes = 0;
    if (rbk_str_starts(path, RBK_STR("/"))) {
        memcpy(text, scheme, sizeof(scheme) - 1);
        bytes = sizeof(scheme) - 1;
    }
    for (size_t i = 0; i < path.bytes; i++) {
        unsigned char byte = (unsigned char)path.data[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || (byte && strchr("/-._~", byte));
        if (plain) {
            text[bytes++] = (char)byte;
        } else {
            text[bytes++] = '%';
            text[bytes++] = digits[byte >> 4];
            text[bytes++] = digits[byte & 15];
        }
    }
    return json_stringn(text, bytes);
}

static json_t *region(const struct rbk_finding_place *place)
{
    return json_pack("{sI, sI, sI, sI}", "startLine", (json_int_t)place->start_line, "startColumn",
                     (json_int_t)place->start_column, "endLine", (json_int_t)place->end_line,
                     "endColumn", (json_int_t)place->end_column);
}

static json_t *location(struct rbk_findings *findings, const struct rbk_finding_place *place)
{
    json_t *json = json_pack("{s{s{so}, so}}", "physicalLocation", "artifactLocation", "uri",
                             uri(findings, place->file), "region", region(place));
    if (json && place->text.bytes) {
        json_object_set_new(json, "message",
                            json_pack("{so}", "text", rbk_findings_string(place->text)));
    }
    return json;
}

/* The message with its notes below, since viewers show little else. */
static json_t *message(struct rbk_findings *findings, const struct rbk_finding *item)
{
    struct rbk_str text = item->message;
    for (const struct rbk_finding_note *note = item->notes; note; note = note->next) {
        text = rbk_arena_printf(&findings->arena, "%.*s\n%s: %.*s", RBK_STR_ARG(text),
                                note->is_help ? "help" : "note", RBK_STR_ARG(note->text));
    }
    return json_pack("{so}", "text", rbk_findings_string(text));
}

static json_t *fixes(struct rbk_findings *findings, const struct rbk_finding *item)
{
    json_t *all = json_array();
    for (const struct rbk_finding_note *note = item->notes; note; note = note->next) {
        if (note->is_fix) {
            json_array_append_new(
                all, json_pack("{s{so}, s[{s{so}, s[{so, s{so}}]}]}", "description", "text",
                               rbk_findings_string(note->text), "artifactChanges",
                               "artifactLocation", "uri", uri(findings, note->place.file),
                               "replacements", "deletedRegion", region(&note->place),
                               "insertedContent", "text", rbk_findings_string(note->replacement)));
        }
    }
    return all;
}

static json_t *result(struct rbk_findings *findings, const struct rbk_finding *item,
                      uint32_t rule_index)
{
    char code[16];
    snprintf(code, sizeof(code), "RBK%03u", item->code);
    json_t *json =
        json_pack("{ss, sI, ss, so, s{ss}}", "ruleId", code, "ruleIndex", (json_int_t)rule_index,
                  "level", level(item), "message", message(findings, item), "partialFingerprints",
                  FINGERPRINT_NAME, item->fingerprint);
    if (!json) {
        return NULL;
    }
    if (item->place.file.bytes) {
        json_object_set_new(json, "locations", json_pack("[o]", location(findings, &item->place)));
    }
    json_t *related = json_array();
    for (uint32_t i = 0; i < item->label_count; i++) {
        if (item->labels[i].file.bytes) {
            json_array_append_new(related, location(findings, &item->labels[i]));
        }
    }
    json_object_set_new(json, "relatedLocations", related);
    json_object_set_new(json, "fixes", fixes(findings, item));
    if (item->waived) {
        json_object_set_new(json, "suppressions",
                            json_pack("[{ss, ss, so}]", "kind", "inSource", "status", "accepted",
                                      "justification", rbk_findings_string(item->waived_because)));
    }
    return json;
}

static json_t *rule_json(const struct rbk_rule *rule)
{
    char code[16];
    char help[64];
    snprintf(code, sizeof(code), "RBK%03u", rule->code);
    snprintf(help, sizeof(help), "`rbkc explain %s` says more.", code);
    return json_pack("{ss, s{ss}, s{ss, ss}}", "id", code, "shortDescription", "text", rule->title,
                     "help", "text", help, "markdown", help);
}

json_t *rbk_findings_sarif(struct rbk_findings *findings)
{
    uint32_t rule_count;
    const struct rbk_rule *table = rbk_rule_table(&rule_count);
    uint32_t *indexes = rbk_new_array(&findings->arena, uint32_t, rule_count);
    json_t *rules = json_array();
    json_t *results = json_array();
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        const struct rbk_rule *rule = rbk_rule_find(item->code);
        if (rule) {
            indexes[rule - table] = 1;
        }
    }
    for (uint32_t i = 0; i < rule_count; i++) {
        if (indexes[i]) {
            indexes[i] = (uint32_t)json_array_size(rules);
            json_array_append_new(rules, rule_json(&table[i]));
        }
    }
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        const struct rbk_rule *rule = rbk_rule_find(item->code);
        if (rule) {
            json_array_append_new(results, result(findings, item, indexes[rule - table]));
        }
    }
    return json_pack("{ss, ss, s[{s{s{ss, ss, so}}, ss, so}]}", "$schema", SCHEMA_URI, "version",
                     "2.1.0", "runs", "tool", "driver", "name", "rbkc", "version", RBK_VERSION,
                     "rules", rules, "columnKind", "unicodeCodePoints", "results", results);
}
