/*
 * What a reviewer reads about the stages of a machine.
 */
#include "compiler/review/review_parts.h"

#include "runtime/core/base/arena.h"

#define STEP_BYTES_MAX 160u

/* The text of a step, cut, and on one line. */
static struct rbk_str step_text(struct rbk_review_page *page, const struct rbk_effect *effect)
{
    struct rbk_str text = rbk_str_slice(effect->text, 0, rbk_str_find(effect->text, '\n'));
    if (text.bytes <= STEP_BYTES_MAX) {
        return text;
    }
    size_t bytes = STEP_BYTES_MAX;
    while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xC0u) == 0x80u) {
        bytes--;
    }
    return rbk_arena_printf(page->describe.arena, "%.*s…", (int)bytes, text.data);
}

/* The stage a state belongs to, that of the fork for a branch. */
static uint32_t region_of(const struct rbk_machine *machine, const struct rbk_machine_state *state)
{
    uint32_t region = state->region;
    while (machine->regions[region].parent != RBK_NONE) {
        region = machine->regions[region].parent;
    }
    return region;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static void put_step(struct rbk_review_page *page, const struct rbk_machine_state *state)
{
    const struct rbk_effect *effect = &page->machine->effects[state->effect];
    struct rbk_document *document = page->document;
    rbk_document_cell(document, "%s", rbk_phase_name(state->phase));
    rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(step_text(page, effect)));
    rbk_document_cell(document, "%.*s", RBK_STR_ARG(rbk_describe_limits(&page->describe, effect)));
    rbk_document_cell(document, "%.*s", RBK_STR_ARG(rbk_describe_crash(&page->describe, effect)));
    rbk_document_row_end(document);
}

/* The releases of locks stand at each end of a plan: one of them is shown. */
static bool is_repeated(const struct rbk_machine_state *state)
{
    return state->phase == RBK_PHASE_RELEASE &&
           !rbk_str_starts(state->name, RBK_STR("plan.completed."));
}

/* What the steps of a stage come to. */
struct steps {
    struct rbk_review_page *page;
    bool shown; /* Whether they are put into a table, which is open once there is a change. */
    uint32_t changes;
    uint32_t checks;
    uint32_t values;
};

static void visit_effect(struct steps *steps, const struct rbk_machine_state *state)
{
    const struct rbk_machine *machine = steps->page->machine;
    const struct rbk_effect *effect = &machine->effects[state->effect];
    if (!rbk_describe_changes(machine, effect)) {
        steps->checks += effect->kind == RBK_EFFECT_CHECK ? 1 : 0;
        steps->values += effect->kind == RBK_EFFECT_LET ? 1 : 0;
        return;
    }
    if (steps->shown && steps->changes == 0) {
        rbk_document_table(steps->page->document, "Part", "Step", "Limits", "After a crash", NULL);
    }
    if (steps->shown) {
        put_step(steps->page, state);
    }
    steps->changes++;
}

/* The steps of a region, and of the branches it forks. Branches nest as blocks do. */
static void visit_region(struct steps *steps, uint32_t region)
{
    const struct rbk_machine *machine = steps->page->machine;
    struct rbk_slice states = machine->regions[region].states;
    for (uint32_t i = states.first; i < states.first + states.count; i++) {
        const struct rbk_machine_state *state = &machine->states[i];
        if (state->kind == RBK_STATE_EFFECT && !is_repeated(state)) {
            visit_effect(steps, state);
        }
        for (uint32_t k = 0; state->kind == RBK_STATE_FORK && k < state->branches.count; k++) {
            visit_region(steps, state->branches.first + k);
        }
    }
}

/* The steps of a stage that change something, and how many there are that only look. */
static void put_steps(struct rbk_review_page *page, uint32_t region)
{
    struct steps steps = {.page = page, .shown = true};
    visit_region(&steps, region);
    rbk_document_paragraph(page->document, "Besides: %u %s, %u %s.", steps.checks,
                           steps.checks == 1 ? "check" : "checks", steps.values,
                           steps.values == 1 ? "value kept" : "values kept");
}

/* Whether a region has a step that changes something. */
static bool has_changes(struct rbk_review_page *page, uint32_t region)
{
    struct steps steps = {.page = page, .shown = false};
    visit_region(&steps, region);
    return steps.changes > 0;
}

static struct rbk_str ways_back(struct rbk_review_page *page, const struct rbk_region *region)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_str text = RBK_STR("");
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy = &machine->strategies[region->strategies.first + i];
        text = rbk_arena_printf(
            page->describe.arena, "%.*s%s" RBK_CODE("%.*s") "%s%.*s", RBK_STR_ARG(text),
            i > 0 ? ", then " : "",
            RBK_STR_ARG(strategy->name.bytes > 0 ? strategy->name : RBK_STR("rollback")),
            strategy->within_ms > 0 ? " within " : "",
            RBK_STR_ARG(strategy->within_ms > 0
                            ? rbk_describe_duration(&page->describe, strategy->within_ms)
                            : RBK_STR("")));
    }
    return text.bytes > 0 ? text : RBK_STR(RBK_STRONG("none"));
}

static struct rbk_str predecessors(struct rbk_review_page *page, const struct rbk_region *region)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_str text = RBK_STR("");
    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *row = &machine->predecessors[region->predecessors.first + i];
        text = rbk_arena_printf(
            page->describe.arena, "%.*s%s" RBK_CODE("%.*s") "%s%.*s", RBK_STR_ARG(text),
            i > 0 ? ", " : "", RBK_STR_ARG(machine->regions[row->region].name),
            row->for_ms > 0 ? " for " : "",
            RBK_STR_ARG(row->for_ms > 0 ? rbk_describe_duration(&page->describe, row->for_ms)
                                        : RBK_STR("")));
    }
    return text;
}

void rbk_review_stages(struct rbk_review_page *page, bool steps)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    rbk_document_heading(document, 2, "Stages");
    rbk_document_table(document, "Stage", "Kind", "Risk", "Data", "After", "Way back", NULL);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        if (region->kind != RBK_REGION_STAGE && region->kind != RBK_REGION_RETIRE) {
            continue;
        }
        rbk_document_cell(document, RBK_CODE("%.*s") " %.*s", RBK_STR_ARG(region->name),
                          RBK_STR_ARG(region->title));
        rbk_document_cell(document, "%s",
                          region->has_kind ? rbk_stage_kind_name(region->stage_kind) : "");
        rbk_document_cell(document, "%s", region->has_risk ? rbk_risk_name(region->risk) : "");
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(region->data));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(predecessors(page, region)));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(ways_back(page, region)));
        rbk_document_row_end(document);
    }
    for (uint32_t i = 0; i < machine->region_count && steps; i++) {
        const struct rbk_region *region = &machine->regions[i];
        bool locks = region->kind == RBK_REGION_PLAN && has_changes(page, i);
        if (locks || region->kind == RBK_REGION_STAGE || region->kind == RBK_REGION_RETIRE) {
            rbk_document_fold(document, "Steps of " RBK_CODE("%.*s"),
                              RBK_STR_ARG(locks ? RBK_STR("the plan") : region->name));
            put_steps(page, i);
            rbk_document_fold_end(document);
        }
    }
}

/* ---- approvals ------------------------------------------------------------------------------- */

/* What keeps the one who starts a run from answering: nothing, where one person may be both. */
static const char *alone(const struct rbk_machine *machine, const struct rbk_question *question)
{
    if (question->roles.count == 0) {
        return "anybody may answer, the one who started the run, too";
    }
    if (question->four_eyes) {
        return "who starts or resumes the run does not count, and nobody counts for two roles";
    }
    const char *text = "";
    for (uint32_t i = 0; i < question->roles.count; i++) {
        const struct rbk_role *role = &machine->roles[machine->indexes[question->roles.first + i]];
        if (role->members.count == 0) {
            return "a role without members: anybody may speak for it, the one who started the run, "
                   "too";
        }
        if (machine->indexes[question->quorums.first + i] > 1) {
            return "different people; one of them may be who started the run";
        }
        if (role->members.count == 1) {
            text = "a role of one person: who also starts the run approves alone";
        }
    }
    return text;
}

void rbk_review_approvals(struct rbk_review_page *page)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    bool any = false;
    rbk_document_heading(document, 2, "Approvals and questions");
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *state = &machine->states[i];
        if (state->kind != RBK_STATE_EFFECT ||
            machine->effects[state->effect].kind != RBK_EFFECT_QUESTION) {
            continue;
        }
        const struct rbk_question *question =
            &machine->questions[machine->effects[state->effect].question];
        if (!any) {
            rbk_document_table(document, "Where", "What", "Four eyes", NULL);
            any = true;
        }
        uint32_t region = region_of(machine, state);
        rbk_document_cell(
            document, RBK_CODE("%.*s") ", %s",
            RBK_STR_ARG(region == 0 ? RBK_STR("plan") : machine->regions[region].name),
            rbk_phase_name(state->phase));
        rbk_document_cell(
            document, "%.*s",
            RBK_STR_ARG(rbk_describe_asked(&page->describe, &machine->effects[state->effect])));
        rbk_document_cell(document, "%s", alone(machine, question));
        rbk_document_row_end(document);
    }
    if (!any) {
        rbk_document_paragraph(document,
                               "Nobody is asked: whoever starts the run starts all of it.");
    }
    uint32_t held = machine->held_otherwise;
    if (held != RBK_NONE && machine->reactions[held].question != RBK_NONE) {
        rbk_document_item(
            document, 0, "A run that is held or paused for %.*s: %.*s",
            RBK_STR_ARG(rbk_describe_duration(&page->describe, machine->held_at_most_ms)),
            RBK_STR_ARG(rbk_describe_reaction(&page->describe, held)));
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &machine->triggers[i];
        if (machine->reactions[trigger->reaction].question != RBK_NONE) {
            rbk_document_item(
                document, 0, "Trigger " RBK_CODE("%.*s") ": %.*s", RBK_STR_ARG(trigger->name),
                RBK_STR_ARG(rbk_describe_reaction(&page->describe, trigger->reaction)));
        }
    }
}

/* ---- no return ------------------------------------------------------------------------------- */

static bool has_words(struct rbk_str text, struct rbk_str words)
{
    for (size_t i = 0; i + words.bytes <= text.bytes; i++) {
        if (rbk_str_equal(rbk_str_slice(text, i, i + words.bytes), words)) {
            return true;
        }
    }
    return false;
}

void rbk_review_no_return(struct rbk_review_page *page)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    bool loses = false;
    rbk_document_heading(document, 2, "Where going back loses something");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        bool lost = has_words(region->data, RBK_STR("created lost"));
        bool irreversible = has_words(region->data, RBK_STR("modified irreversible"));
        if (region->kind != RBK_REGION_STAGE || (!lost && !irreversible)) {
            continue;
        }
        rbk_document_item(document, 0, "From the apply of " RBK_CODE("%.*s") " on%s: %s%s%s",
                          RBK_STR_ARG(region->name), loses ? "" : " (the first)",
                          lost ? "what is created after it is lost when it is rolled back" : "",
                          lost && irreversible ? "; " : "",
                          irreversible ? "what it modified comes back from the backup alone" : "");
        loses = true;
    }
    if (!loses) {
        rbk_document_item(document, 0, "No stage says that its rollback loses data.");
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        for (uint32_t k = 0; k < region->strategies.count; k++) {
            const struct rbk_strategy *strategy =
                &machine->strategies[region->strategies.first + k];
            if (strategy->when != RBK_NONE) {
                rbk_document_item(document, 0,
                                  "The way back " RBK_CODE("%.*s") " of " RBK_CODE(
                                      "%.*s") " is open only while " RBK_CODE("%.*s"),
                                  RBK_STR_ARG(strategy->name), RBK_STR_ARG(region->name),
                                  RBK_STR_ARG(rbk_describe_expr(&page->describe, strategy->when)));
            }
        }
    }
    if (machine->retire_region != RBK_NONE) {
        rbk_document_item(
            document, 0,
            RBK_STRONG("Point of no return:") " " RBK_CODE("retire") " %.*s, after grace%s%.*s",
            RBK_STR_ARG(machine->regions[machine->retire_region].title),
            machine->grace != RBK_NONE ? " of " : "",
            RBK_STR_ARG(rbk_describe_expr(&page->describe, machine->grace)));
    } else {
        rbk_document_item(document, 0, "There is no point of no return before the run ends.");
    }
}

void rbk_review_waivers(struct rbk_review_page *page)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    rbk_document_heading(document, 2, "Waivers");
    if (machine->waiver_count == 0) {
        rbk_document_paragraph(document, "No rule is waived.");
        return;
    }
    rbk_document_table(document, "Rule", "Because", "Line", NULL);
    for (uint32_t i = 0; i < machine->waiver_count; i++) {
        const struct rbk_waiver *waiver = &machine->waivers[i];
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(waiver->code));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(waiver->because));
        rbk_document_cell(document, "%u", waiver->place.line);
        rbk_document_row_end(document);
    }
}
