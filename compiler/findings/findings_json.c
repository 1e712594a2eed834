/*
 * Findings as JSON, described by docs/check.schema.json.
 */
#include "compiler/findings/findings.h"

static json_t *place_json(const struct rbk_finding_place *place)
{
    return json_pack("{so, s{sI, sI, sI}, s{sI, sI, sI}}", "file", rbk_findings_string(place->file),
                     "start", "line", (json_int_t)place->start_line, "column",
                     (json_int_t)place->start_column, "byte", (json_int_t)place->start_byte, "end",
                     "line", (json_int_t)place->end_line, "column", (json_int_t)place->end_column,
                     "byte", (json_int_t)place->end_byte);
}

static json_t *label_json(const struct rbk_finding_place *label)
{
    return json_pack("{so, so*}", "text", rbk_findings_string(label->text), "place",
                     label->file.bytes ? place_json(label) : NULL);
}

static json_t *note_json(const struct rbk_finding_note *note)
{
    json_t *json = json_pack("{ss, so}", "kind", note->is_help ? "help" : "note", "text",
                             rbk_findings_string(note->text));
    if (json && note->is_fix) {
        json_object_set_new(json, "fix",
                            json_pack("{ss, so, so}", "applicability",
                                      rbk_applicability_name(note->applicability), "place",
                                      place_json(&note->place), "replacement",
                                      rbk_findings_string(note->replacement)));
    } else if (json && note->place.file.bytes) {
        json_object_set_new(json, "place", place_json(&note->place));
    }
    return json;
}

static json_t *item_json(const struct rbk_finding *item)
{
    char code[16];
    snprintf(code, sizeof(code), "RBK%03u", item->code);
    json_t *labels = json_array();
    json_t *notes = json_array();
    for (uint32_t i = 0; i < item->label_count; i++) {
        json_array_append_new(labels, label_json(&item->labels[i]));
    }
    for (const struct rbk_finding_note *note = item->notes; note; note = note->next) {
        json_array_append_new(notes, note_json(note));
    }
    json_t *json = json_pack(
        "{ss*, ss, so, so*, so*, so, so, so, ss}", "code", item->code ? code : NULL, "severity",
        rbk_severity_name(item->severity), "message", rbk_findings_string(item->message), "stage",
        item->stage.bytes ? rbk_findings_string(item->stage) : NULL, "place",
        item->place.file.bytes ? place_json(&item->place) : NULL, "labels", labels, "notes", notes,
        "rendered", rbk_findings_string(item->rendered), "fingerprint", item->fingerprint);
    if (json && item->place.text.bytes) {
        json_object_set_new(json, "label", rbk_findings_string(item->place.text));
    }
    if (json && item->waived) {
        json_object_set_new(json, "waived", rbk_findings_string(item->waived_because));
    }
    return json;
}

json_t *rbk_findings_json(struct rbk_findings *findings)
{
    json_t *files = json_array();
    json_t *list = json_array();
    bool accepted = true;
    for (const struct rbk_findings_file *file = findings->files; file; file = file->next) {
        json_array_append_new(files, json_pack("{so, sb}", "path", rbk_findings_string(file->path),
                                               "accepted", (int)file->accepted));
        accepted = accepted && file->accepted;
    }
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        json_array_append_new(list, item_json(item));
    }
    return json_pack("{ss, s{ss, ss}, sb, s{sI, sI, sI, sI}, so, so}", "format_version",
                     RBK_FINDINGS_JSON_VERSION, "tool", "name", "rbkc", "version", RBK_VERSION,
                     "accepted", (int)accepted, "counts", "errors",
                     (json_int_t)findings->counts[RBK_SEVERITY_ERROR], "warnings",
                     (json_int_t)findings->counts[RBK_SEVERITY_WARNING], "notes",
                     (json_int_t)findings->counts[RBK_SEVERITY_NOTE], "not_shown",
                     (json_int_t)findings->dropped, "files", files, "findings", list);
}
