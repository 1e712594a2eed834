/*
 * See syntax_advice.h. Three tables, looked at in this order: what is missing behind a word, what a
 * word of another language is called here, what a sign of another language is for.
 */
#include "compiler/syntax_advice.h"

#include "runtime/core/base/attributes.h"

#include <string.h>

/* ---- behind a word --------------------------------------------------------------------------- */

static bool begins(struct rbk_str text, char c)
{
    return text.bytes > 0 && text.data[0] == c;
}

/* What must stand behind a word and does not. */
static const char *behind_word(const struct rbk_syntax_mistake *mistake)
{
    const struct {
        const char *word;
        bool wanted;
        const char *help;
    } rows[] = {
        {"check", mistake->string, "Say first what is checked: `check \"what must be true\" …`."},
        {"require", mistake->string,
         "Say first what is required: `require \"what must be true\" …`."},
        {"capture", mistake->string, "Say first what it is: `capture \"what is kept\" …`."},
        {"run", mistake->string, "A command stands between quotes: `run \"touch file\"`."},
        {"shell", mistake->string, "A script stands between quotes: `shell \"\"\" … \"\"\"`."},
        {"sql", mistake->name && begins(mistake->text, '"'),
         "Say which connection it is sent on: `sql CONNECTION \"…\"`."},
        {"redis", mistake->name, "Say which connection it is sent on: `redis CONNECTION \"…\"`."},
        {"notify", mistake->name, "Say on which channel: `notify CHANNEL \"…\"`."},
        {"use", mistake->name,
         "A module is named by words with dots between: `use shop.tools` is the file "
         "shop/tools.rbk beside the plan."},
        {"plan", mistake->name && (begins(mistake->text, '{') || begins(mistake->text, '"')),
         "A plan has a name: `plan lead_cutover { … }`."},
        {"stage", mistake->name && begins(mistake->text, '"'),
         "A stage has a name before its title: `stage migrate \"Move the rows\" { … }`."},
        {"wait", mistake->expression,
         "Write `wait 30s because \"…\"`, or `wait until CONDITION timeout 5m`."},
        {"else", mistake->brace && strcmp(mistake->found, "if") == 0,
         "An `if` behind `else` stands in a block of its own: `else { if … { … } }`."},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (rows[i].wanted && rbk_str_is(mistake->before, rows[i].word)) {
            return rows[i].help;
        }
    }
    if (mistake->date) {
        return "A date and a time: `not before 2026-11-22 06:00 \"UTC\"`.";
    }
    if (mistake->time) {
        return "Days, if any, and two times: `window mon, fri 22:00 to 02:00 \"Europe/Berlin\"`.";
    }
    if (mistake->zone) {
        return "Say by whose clock: `\"UTC\"`, `\"Europe/Berlin\"`.";
    }
    if (mistake->when && mistake->name && rbk_str_is(mistake->further, "trigger")) {
        return "The condition comes first: `trigger NAME when CONDITION for 1m then abort`.";
    }
    if (mistake->colon && rbk_str_is(mistake->further, "param")) {
        return "The name comes first, then a colon and the type: `param replicas: int = 3`.";
    }
    return NULL;
}

/* ---- other words ----------------------------------------------------------------------------- */

/* Words that other languages have where a statement could stand, and a step outside of its block.
 */
static const char *other_word(const struct rbk_syntax_mistake *mistake)
{
    static const struct {
        const char *word;
        const char *help;
    } rows[] = {
        {"for", "A loop is `foreach x in LIST { … }`."},
        {"while", "To wait for something, write `wait until CONDITION timeout 5m`; a loop is "
                  "`foreach x in LIST { … }`."},
        {"sleep", "Write `wait 30s because \"…\"`."},
        {"elif", "Write `else { if … { … } }`."},
        {"elsif", "Write `else { if … { … } }`."},
        {"echo", "Tell people with `notify CHANNEL \"…\"`; keep what was seen with `capture`."},
        {"print", "Tell people with `notify CHANNEL \"…\"`; keep what was seen with `capture`."},
        {"log", "Tell people with `notify CHANNEL \"…\"`; keep what was seen with `capture`."},
        {"exec", "A command is `run \"…\"`, a script `shell \"…\"`."},
        {"bash", "A command is `run \"…\"`, a script `shell \"…\"`."},
        {"sh", "A command is `run \"…\"`, a script `shell \"…\"`."},
        {"cmd", "A command is `run \"…\"`, a script `shell \"…\"`."},
        {"call", "An action is carried out by `do module.action(…)`."},
        {"import", "Another file is read by `use`, at the top of the file."},
        {"include", "Another file is read by `use`, at the top of the file."},
        {"var", "A value is read and kept by `let NAME = …`, a parameter declared by `param`."},
        {"const", "A value is read and kept by `let NAME = …`, a parameter declared by `param`."},
        {"set", "A value is read and kept by `let NAME = …`, a parameter declared by `param`."},
        {"assert", "Write `check \"what must be true\" CONDITION`."},
        {"ensure", "Write `check \"what must be true\" CONDITION`."},
        {"try", "What is to be done when a step fails stands in the stage's `rollback`; a step "
                "that may fail is `optional because \"…\"`."},
        {"catch", "What is to be done when a step fails stands in the stage's `rollback`."},
        {"is", "Compare with `==`; `x ?? 0` gives a value for what is not there."},
        {"equals", "Compare with `==`, `!=`, `<`, `<=`, `>` or `>=`."},
        {"eq", "Compare with `==`, `!=`, `<`, `<=`, `>` or `>=`."},
        {"ne", "Compare with `==`, `!=`, `<`, `<=`, `>` or `>=`."},
        {"contains", "Look into a text where it is read: in SQL, or with a filter of jq."},
        {"matches", "Look into a text where it is read: in SQL, or with a filter of jq."},
        {"like", "Look into a text where it is read: in SQL, or with a filter of jq."},
        {"task", "Parts of a plan are stages: `stage NAME \"…\" { … }`."},
        {"phase", "Parts of a plan are stages: `stage NAME \"…\" { … }`."},
        {"job", "Parts of a plan are stages: `stage NAME \"…\" { … }`."},
    };
    if (rbk_str_is(mistake->text, "for") && mistake->number) {
        return "How long something must hold is said behind the condition of a `trigger`, `check`, "
               "`require` or `wait until`.";
    }
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (rbk_str_is(mistake->text, rows[i].word)) {
            return rows[i].help;
        }
    }
    if (rbk_str_is(mistake->text, "use")) {
        return "`use` stands outside of blocks, at the top of the file.";
    }
    if (strcmp(mistake->found, "a name") == 0 && mistake->next == '.' &&
        mistake->block == RBK_SYNTAX_STEPS) {
        return "An action is carried out by `do`, and a reading stands in `let` or `check`.";
    }
    if (mistake->block == RBK_SYNTAX_HEAD && (mistake->is_step || mistake->is_stage)) {
        return mistake->is_step
                   ? "Steps stand in the blocks of a stage. Is there a `}` too many above?"
                   : "It belongs into a stage. Is there a `}` too many above?";
    }
    if (mistake->block == RBK_SYNTAX_STAGE && mistake->is_step) {
        return "Steps stand in the `prepare`, `apply`, `verify` and `rollback` of a stage.";
    }
    return NULL;
}

/* ---- signs ----------------------------------------------------------------------------------- */

static bool compares(const char *found)
{
    static const char *const signs[] = {"'<'", "'>'", "<=", ">=", "==", "!="};
    for (size_t i = 0; i < RBK_COUNT(signs); i++) {
        if (strcmp(found, signs[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *sign(const struct rbk_syntax_mistake *mistake)
{
    bool statement = mistake->block != RBK_SYNTAX_NO_BLOCK;
    const char *found = mistake->found;
    if (strcmp(found, "'-'") == 0 && mistake->brace) {
        return "Names have letters, digits and `_`, no `-`.";
    }
    if (statement && strcmp(found, "','") == 0) {
        return "Statements and clauses need nothing between them; leave it out.";
    }
    if (mistake->expression && mistake->next == '.' && strcmp(found, "shell") == 0) {
        return "A script is read by `run.output([\"sh\", \"-c\", '…'])`.";
    }
    if (statement && compares(found)) {
        return "Comparisons cannot be chained: write `a < b and b < c`.";
    }
    if (statement && strcmp(found, "'+'") == 0) {
        return "Texts are put together by `${…}` inside one text.";
    }
    if (statement && strcmp(found, "'['") == 0) {
        return "There is no index: take what is needed where the value is read, with a filter.";
    }
    if (statement && strcmp(found, "'='") == 0) {
        return "Values do not change once they are set; `let`, `param` and the like begin with "
               "their word, and a default stands before `where`.";
    }
    if ((mistake->expression || mistake->string) && strcmp(found, "'='") == 0) {
        return "The value stands right behind the word: leave the `=` out.";
    }
    if ((mistake->expression || mistake->string) && strcmp(found, "':'") == 0) {
        return "The value stands right behind the word: leave the `:` out.";
    }
    return NULL;
}

const char *rbk_syntax_advice(const struct rbk_syntax_mistake *mistake)
{
    const char *help = behind_word(mistake);
    if (!help && mistake->block != RBK_SYNTAX_NO_BLOCK) {
        help = other_word(mistake);
    }
    return help ? help : sign(mistake);
}
