/*
 * The grammar of .rbk text. It builds the tree of compiler/tree.h and does nothing else: an action
 * is one call of a constructor; nothing is looked up, checked or remembered here.
 *
 * The language needs no line ends and no semicolons, because every statement begins with a reserved
 * word and no clause word begins one. That is also what recovery rests on: after an error, tokens
 * are thrown away up to the next word that can begin a statement, or up to the brace that ends the
 * block. A block after a broken statement is passed over whole (`skipped`); the block of a broken
 * `stage x y {` is read, since it is clear what it is. `yyerrok` stands only where a lookahead
 * decides between two rules: there LAC has found it good. In a rule that is reduced without looking
 * it would meet the bad token again, for ever.
 *
 * Clauses are one list that every step takes in any order; compiler/clause.c says which belong
 * where. The words in quotes are the tokens' names in messages, too: see compiler/syntax_message.c.
 */
%require "3.8"
%define api.pure full
%define api.prefix {rbk_yy}
%define api.token.prefix {RBK_TOKEN_}
%define api.location.type {struct rbk_span}
%define api.value.type {union rbk_token_value}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%parse-param {struct rbk_parse *parse}
%lex-param {struct rbk_parse *parse}

%code requires {
#include "compiler/parse_state.h"
#include "compiler/tree_build.h"
}

%code provides {
/* The token the parser reads next; see compiler/parse.c. */
int rbk_yylex(RBK_YYSTYPE *value, struct rbk_span *span, struct rbk_parse *parse);

/* The words for a token in messages; the spelling of a reserved word. For tests. */
const char *rbk_token_words(int token);
}

%code {
#include "compiler/grammar_actions.h"
#include "compiler/syntax_message.h"

static void rbk_yyerror(const struct rbk_span *span, struct rbk_parse *parse, const char *message);
}

%token YYEOF 0 "the end of the file"
%token <word> ID "a name"
%token <literal> INT "a number" NUMBER "a number with decimals" RATIO "a ratio"
%token <literal> DURATION "a duration" BYTES "a size"
%token <minute> TIME "a time of day"
%token <date> DATE "a date"
%token <quote> TEXT "a text" TEXT_BEGIN "the start of a text"
%token TEXT_PIECE "more text" TEXT_END "the end of the text"
%token INTERPOLATION "${" INTERPOLATION_END "the `}` of `${`"
%token EQ "==" NE "!=" LE "<=" GE ">=" COALESCE "??"
%token <word> ABORT "abort" ACQUIRE "acquire" ACTION "action" AFTER "after" ALLOW "allow" AND "and"
              APPLY "apply" APPROVAL "approval" APPROVE "approve" AS "as" ASK "ask" AT "at"
              ATTEMPTS "attempts" ATTEST "attest" AUTOCOMMIT "autocommit" BACKUP "backup"
              BASELINE "baseline" BECAUSE "because" BEFORE "before" BODY "body" BY "by"
              CANCEL "cancel" CAPTURE "capture" CHANNEL "channel" CHECK "check" COMMAND "command"
              CONFIRM "confirm" CONNECTION "connection" CONTACT "contact" CREATED "created"
              DATA "data" DO "do"
              DONE "done" DOUBT "doubt" DURING "during" ELSE "else" ENV "env" ESCALATE "escalate"
              ESTIMATE "estimate" EVERY "every" EXCEPT "except" EXPECT "expect" EYES "eyes" FALSE "false"
              FILE "file" FOR "for" FOREACH "foreach" FOUR "four" FROM "from" GRACE "grace" HEADER "header"
              HELD "held" HOLD "hold" HTTP "http" IDEMPOTENT "idempotent" IF "if" IN "in"
              INTO "into" JSON "json" KEEP "keep" KIND "kind" LEAST "least" LET "let" LOCK "lock"
              MANUAL "manual"
              MEMBERS "members" MISSING "missing" MODIFIED "modified" MODULE "module" MOST "most"
              NOT "not" NOTHING "nothing" NOTIFY "notify" OBSERVE "observe" OF "of" ON "on"
              OPTIONAL "optional" OR "or" OVER "over" OWNER "owner" PARALLEL "parallel"
              PARAM "param" PAUSE "pause" PLAN "plan" PREPARE "prepare" PROBE "probe"
              PROGRESS "progress" READING "reading" READINGS "readings" REDIS "redis"
              REHEARSED "rehearsed" RELEASE "release" REPORT "report" REQUIRE "require"
              RESTORE "restore" RETIRE "retire" RETRY "retry" RISK "risk" ROLE "role"
              ROLLBACK "rollback" RUN "run" SECRET "secret" SERVICE "service" SEVERITY "severity"
              SHELL "shell" SIGNAL "signal" SINCE "since" SQL "sql" STAGE "stage" STARTED "started"
              STDIN "stdin" STUCK "stuck" TAKE "take" THEN "then" TICKET "ticket" TIMEOUT "timeout"
              TITLE "title" TO "to" TRIGGER "trigger" TRUE "true" UNDO "undo" UNTIL "until"
              UNWATCHED "unwatched" USE "use" USING "using" VERIFY "verify" WAIT "wait" WHEN "when"
              WHERE "where" WINDOW "window" WITH "with" WITHIN "within"

%precedence NO_ANSWER
%precedence "within" "else" "four"
%left "or"
%left "and"
%precedence "not"
%nonassoc "==" "!=" '<' '>' "<=" ">="
%left "??"
%left '+' '-'
%left '*' '/'
%precedence "as"
%precedence NEGATIVE

%type <word> word reserved
%type <name> name any optional_name seats
%type <names> names path roles days
%type <type> type
%type <expr> expr primary text optional_text default list command query
%type <exprs> parts exprs integers texts
%type <argument> argument entry
%type <arguments> arguments some_arguments entries environment
%type <parameter> parameter
%type <parameters> parameters some_parameters
%type <reaction> reaction answer limited approval
%type <clause> clause within block_clause role_item data_item rung
%type <clauses> clauses block_clauses role_items data_items rungs
%type <statement> item plan_item stage_item step backup_item lock_item
%type <statement> require attest window trigger allow let verify
%type <statements> items plan_items stage_items steps backup_items lock_items
%type <block> block plan_block stage_block backup_block lock_block
%type <choice> secret_source eyes

%%

/* Files. */

file: items { rbk_tree_file_finish(parse, $items); };

items:
    %empty { EMPTY($$); }
  | items item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | items error { $$ = $1; yyerrok; }
  | items error skipped { $$ = $1; yyerrok; } ;

/* The block of something that was not understood: the scanner goes to its end. */
skipped: '{' { parse->skip_block = true; } '}';

item:
    "use" path { $$ = STATEMENT(USE, @$, @2, .names = $2.first); }
  | "use" path "as" name { $$ = STATEMENT(USE, @$, @4, .names = $2.first, .name = $4); }
  | "module" path { $$ = STATEMENT(MODULE, @$, @2, .names = $2.first); }
  | "plan" name plan_block { $$ = STATEMENT(PLAN, @$, @2, .name = $2, .block = $3); }
  | "plan" error plan_block { $$ = NULL; }
  | "action" any '(' parameters ')' block {
        $$ = STATEMENT(ACTION, @$, @5, .name = $2, .parameters = $4.first, .block = $6);
    }
  | "action" error block { $$ = NULL; }
  | "reading" any '(' parameters ')' ':' type '=' expr {
        $$ = STATEMENT(READING, @$, @7, .name = $2, .parameters = $4.first, .type = $7,
                       .value = $9);
    }
  | "channel" any '(' parameters ')' block {
        $$ = STATEMENT(CHANNEL_TYPE, @$, @5, .name = $2, .parameters = $4.first, .block = $6);
    }
  | "channel" error block { $$ = NULL; } ;

path: name { START($$, $1); }
  | path '.' any { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

parameters:
    %empty { EMPTY($$); }
  | some_parameters
  | some_parameters ',' ;

some_parameters:
    parameter { START($$, $1); }
  | some_parameters ',' parameter { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

parameter: any ':' type default {
        $$ = rbk_tree_parameter(parse, &(struct rbk_tree_parameter){
                                           .name = *$1, .type = $3, .value = $4, .span = @$});
    };

/* `list of text`; what a word means as a type is for the typer. */
type: any { $$ = rbk_tree_type(parse, $1, NULL, @$); }
  | any "of" type { $$ = rbk_tree_type(parse, $1, $3, @$); } ;

default: %empty { $$ = NULL; } | '=' expr { $$ = $2; };

/* The head of a plan, and its stages. */

plan_block: '{' plan_items '}' { $$ = rbk_tree_block(parse, $2, @$); };

plan_items:
    %empty { EMPTY($$); }
  | plan_items plan_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | plan_items error { $$ = $1; yyerrok; }
  | plan_items error skipped { $$ = $1; yyerrok; } ;

plan_item:
    "title" expr { $$ = STATEMENT(TITLE, @$, @2, .value = $2); }
  | "ticket" expr { $$ = STATEMENT(TICKET, @$, @2, .value = $2); }
  | "owner" expr { $$ = STATEMENT(OWNER, @$, @2, .value = $2); }
  | "service" expr { $$ = STATEMENT(SERVICE, @$, @2, .value = $2); }
  | "estimate" DURATION { $$ = STATEMENT(ESTIMATE, @$, @2, .value = LITERAL(DURATION, @2, $2)); }
  | "rollback" within { $$ = STATEMENT(ROLLBACK_WITHIN, @$, @2, .clauses = $2); }
  | "rehearsed" within { $$ = STATEMENT(REHEARSED_WITHIN, @$, @2, .clauses = $2); }
  | window
  | "param" name ':' type default {
        $$ = STATEMENT(PARAM, @$, @4, .name = $2, .type = $4, .value = $5);
    }
  | "param" name ':' type default "where" expr optional_text {
        $$ = STATEMENT(PARAM, @$, @4, .name = $2, .type = $4, .value = $5, .second = $7,
                       .text = $8);
    }
  | "secret" name "from" secret_source expr {
        $$ = STATEMENT(SECRET, @$, @2, .name = $2, .word = $4, .value = $5);
    }
  | "connection" name '=' expr { $$ = STATEMENT(CONNECTION, @$, @2, .name = $2, .value = $4); }
  | "role" name '{' role_items '}' {
        $$ = STATEMENT(ROLE, @$, @2, .name = $2, .clauses = $4.first);
    }
  | "escalate" name "to" rungs {
        $$ = STATEMENT(ESCALATE, @$, @2, .name = $2, .clauses = $4.first);
    }
  | "channel" name '=' expr { $$ = STATEMENT(CHANNEL, @$, @2, .name = $2, .value = $4); }
  | "probe" name '=' expr clauses {
        $$ = STATEMENT(PROBE, @$, @2, .name = $2, .value = $4, .clauses = $5.first);
    }
  | "baseline" name "over" expr clauses {
        $$ = STATEMENT(BASELINE, @$, @2, .name = $2, .value = $4, .clauses = $5.first);
    }
  | "severity" name "then" reaction {
        $$ = STATEMENT(SEVERITY, @$, @2, .name = $2,
                       .clauses = CLAUSE(THEN, rbk_span_join(@3, @4), .reaction = $4));
    }
  | trigger
  | "abort" "when" expr optional_text {
        $$ = STATEMENT(ABORT_WHEN, @$, @3, .value = $3, .text = $4);
    }
  | "abort" "when" expr "every" DURATION optional_text {
        $$ = STATEMENT(ABORT_WHEN, @$, @3, .value = $3, .text = $6,
                       .clauses = DURATION(EVERY, @4, @5, $5));
    }
  | "abort" "on" "signal" name optional_text {
        $$ = STATEMENT(ABORT_ON_SIGNAL, @$, @4, .name = $4, .text = $5);
    }
  | require
  | attest
  | "held" "at" "most" DURATION "else" reaction {
        $$ = STATEMENT(HELD, @$, @4, .value = LITERAL(DURATION, @4, $4),
                       .clauses = CLAUSE(ELSE, rbk_span_join(@5, @6), .reaction = $6));
    }
  | "backup" name backup_block { $$ = STATEMENT(BACKUP, @$, @2, .name = $2, .block = $3); }
  | "lock" name lock_block { $$ = STATEMENT(LOCK, @$, @2, .name = $2, .block = $3); }
  | "on" any block { $$ = STATEMENT(ON, @$, @2, .name = $2, .block = $3); }
  | "report" "to" name "every" expr text {
        $$ = STATEMENT(REPORT, @$, @3, .name = $3, .value = $5, .text = $6);
    }
  | "stage" name optional_text stage_block {
        $$ = STATEMENT(STAGE, @$, @3, .name = $2, .text = $3, .block = $4);
    }
  | "stage" error stage_block { $$ = NULL; }
  | "retire" text stage_block { $$ = STATEMENT(RETIRE, @$, @2, .text = $2, .block = $3); }
  | "retire" error stage_block { $$ = NULL; }
  | "observe" expr { $$ = STATEMENT(OBSERVE, @$, @2, .value = $2); }
  | "grace" expr { $$ = STATEMENT(GRACE, @$, @2, .value = $2); }
  | allow ;

secret_source:
    "env" { $$ = RBK_SECRET_ENV; }
  | "file" { $$ = RBK_SECRET_FILE; }
  | "command" { $$ = RBK_SECRET_COMMAND; } ;

role_items:
    %empty { EMPTY($$); }
  | role_items role_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | role_items error { $$ = $1; } ;

role_item:
    "contact" text { $$ = CLAUSE(CONTACT, @$, .value = $2); }
  | "members" texts { $$ = CLAUSE(MEMBERS, @$, .value = $2.first); } ;

texts:
    text { START($$, $1); }
  | texts ',' text { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

rungs:
    rung { START($$, $1); }
  | rungs ',' "then" rung { $$ = $1; RBK_TREE_APPEND($$, $4); } ;

rung:
    name { $$ = CLAUSE(ESCALATE_STEP, @$, .name = $1); }
  | name "after" DURATION {
        $$ = CLAUSE(ESCALATE_STEP, @$, .name = $1, .amount = MILLISECONDS($3));
    } ;

window:
    "window" days TIME[from] "to" TIME[to] text {
        $$ = STATEMENT(WINDOW, @$, @$, .names = $days.first, .window = {$from, $to},
                       .text = $text);
    } ;

/* `sat, sun`, `weekdays`: what they mean is for the resolver. */
days: %empty { EMPTY($$); } | names;

trigger: "trigger" name optional_name "when" expr clauses {
        $$ = STATEMENT(TRIGGER, @$, @3, .name = $2, .second_name = $3, .value = $5,
                       .clauses = $6.first);
    };

require: "require" text expr clauses {
        $$ = STATEMENT(REQUIRE, @$, @3, .text = $2, .value = $3, .clauses = $4.first);
    };

attest: "attest" text "by" roles clauses {
        $$ = STATEMENT(ATTEST, @$, @4, .text = $2, .names = $4.first, .clauses = $5.first);
    };

allow: "allow" name "because" text { $$ = STATEMENT(ALLOW, @$, @2, .name = $2, .text = $4); };

backup_block: '{' backup_items '}' { $$ = rbk_tree_block(parse, $2, @$); };

backup_items:
    %empty { EMPTY($$); }
  | backup_items backup_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | backup_items error { $$ = $1; yyerrok; }
  | backup_items error skipped { $$ = $1; yyerrok; } ;

backup_item:
    let
  | "take" block_clauses block { $$ = BLOCK(BACKUP_TAKE, @$, @1, $2, $3); }
  | verify
  | "restore" block_clauses block { $$ = BLOCK(BACKUP_RESTORE, @$, @1, $2, $3); } ;

lock_block: '{' lock_items '}' { $$ = rbk_tree_block(parse, $2, @$); };

lock_items:
    %empty { EMPTY($$); }
  | lock_items lock_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | lock_items error { $$ = $1; yyerrok; }
  | lock_items error skipped { $$ = $1; yyerrok; } ;

lock_item:
    "acquire" block_clauses block { $$ = BLOCK(ACQUIRE, @$, @1, $2, $3); }
  | "release" block_clauses block { $$ = BLOCK(RELEASE, @$, @1, $2, $3); } ;

/* Stages. */

stage_block: '{' stage_items '}' { $$ = rbk_tree_block(parse, $2, @$); };

stage_items:
    %empty { EMPTY($$); }
  | stage_items stage_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | stage_items error { $$ = $1; yyerrok; }
  | stage_items error skipped { $$ = $1; yyerrok; } ;

stage_item:
    "kind" any { $$ = STATEMENT(KIND, @$, @2, .name = $2); }
  | "risk" name { $$ = STATEMENT(RISK, @$, @2, .name = $2); }
  | "data" '{' data_items '}' { $$ = STATEMENT(DATA, @$, @1, .clauses = $3.first); }
  | "after" "nothing" { $$ = STATEMENT(AFTER, @$, @2, .names = NULL); }
  | "after" names { $$ = STATEMENT(AFTER, @$, @2, .names = $2.first); }
  | "after" names "for" DURATION {
        $$ = STATEMENT(AFTER, @$, @2, .names = $2.first, .clauses = DURATION(FOR, @3, @4, $4));
    }
  | "not" "before" DATE TIME text {
        $$ = STATEMENT(NOT_BEFORE, @$, @$, .instant = {$3.year, $3.month, $3.day, $4}, .text = $5);
    }
  | "approve" roles clauses {
        $$ = STATEMENT(APPROVE, @$, @2, .names = $2.first, .clauses = $3.first);
    }
  | require
  | window
  | attest
  | "prepare" block_clauses block { $$ = BLOCK(PREPARE, @$, @1, $2, $3); }
  | "prepare" error block { $$ = NULL; }
  | "apply" block_clauses block { $$ = BLOCK(APPLY, @$, @1, $2, $3); }
  | "apply" error block { $$ = NULL; }
  | verify
  | "rollback" optional_name block_clauses block {
        $$ = STATEMENT(ROLLBACK, @$, @2, .name = $2, .clauses = $3.first, .block = $4);
    }
  | "rollback" error block { $$ = NULL; }
  | trigger
  | "attempts" INT "every" DURATION {
        $$ = STATEMENT(ATTEMPTS, @$, @2, .count = (uint64_t)$2.number,
                       .clauses = DURATION(EVERY, @3, @4, $4));
    }
  | "unwatched" "because" text { $$ = STATEMENT(UNWATCHED, @$, @1, .text = $3); }
  | allow ;

verify:
    "verify" block_clauses block { $$ = BLOCK(VERIFY, @$, @1, $2, $3); }
  | "verify" error block { $$ = NULL; } ;

data_items:
    %empty { EMPTY($$); }
  | data_items data_item { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | data_items error { $$ = $1; } ;

data_item:
    "created" name { $$ = CLAUSE(DATA_CREATED, @$, .name = $2); }
  | "modified" name { $$ = CLAUSE(DATA_MODIFIED, @$, .name = $2); }
  | "backup" name { $$ = CLAUSE(DATA_BACKUP, @$, .name = $2); } ;

block_clauses:
    %empty { EMPTY($$); }
  | block_clauses block_clause { $$ = $1; RBK_TREE_APPEND($$, $2); } ;

within: "within" DURATION { $$ = DURATION(WITHIN, @$, @$, $2); };

block_clause:
    within
  | "when" expr { $$ = CLAUSE(WHEN, @$, .value = $2); }
  | "every" DURATION { $$ = DURATION(EVERY, @$, @$, $2); } ;

/* Reactions. `within` and `else` belong to the nearest question. */

reaction:
    "abort" approval { $$ = REACTION(ABORT, @$, NULL, $2); }
  | "rollback" approval { $$ = REACTION(ROLLBACK, @$, NULL, $2); }
  | "pause" approval { $$ = REACTION(PAUSE, @$, NULL, $2); }
  | "notify" name approval { $$ = REACTION(NOTIFY, @$, $2, $3); }
  | "ask" roles answer { $3->roles = $2.first; $$ = REACTION(ASK, @$, NULL, $3); }
  | "cancel" { $$ = REACTION(CANCEL, @$, NULL, ANSWER(.roles = NULL)); }
  | "keep" { $$ = REACTION(KEEP, @$, NULL, ANSWER(.roles = NULL)); } ;

approval:
    %empty { $$ = ANSWER(.roles = NULL); }
  | "with" "approval" "of" roles answer { $$ = $5; $$->roles = $4.first; } ;

answer:
    %empty %prec NO_ANSWER { $$ = ANSWER(.roles = NULL); }
  | "four" "eyes" answer { $$ = rbk_tree_reaction_four_eyes($3); }
  | "within" DURATION limited {
        $$ = $3;
        $$->has_within = true;
        $$->within_ms = MILLISECONDS($2);
    }
  | "else" reaction eyes { $$ = ANSWER(.otherwise = $2, .four_eyes = $3); } ;

limited:
    %empty %prec NO_ANSWER { $$ = ANSWER(.roles = NULL); }
  | "four" "eyes" limited { $$ = rbk_tree_reaction_four_eyes($3); }
  | "else" reaction eyes { $$ = ANSWER(.otherwise = $2, .four_eyes = $3); } ;

eyes:
    %empty %prec NO_ANSWER { $$ = 0; }
  | "four" "eyes" { $$ = 1; } ;

/* Who is asked: `dba, 2 of infra_lead`. */

roles: seats { START($$, $1); }
  | roles ',' seats { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

seats: name
  | INT "of" name { $$ = rbk_tree_seats($1, @1, $3); } ;

names: name { START($$, $1); }
  | names ',' name { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

/* Steps. */

block: '{' steps '}' { $$ = rbk_tree_block(parse, $2, @$); };

steps:
    %empty { EMPTY($$); }
  | steps step { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | steps error { $$ = $1; yyerrok; }
  | steps error skipped { $$ = $1; yyerrok; } ;

let: "let" name '=' expr clauses {
        $$ = STATEMENT(LET, @$, @2, .name = $2, .value = $4, .clauses = $5.first);
    };

step:
    let
  | "run" command clauses { $$ = STATEMENT(RUN, @$, @2, .value = $2, .clauses = $3.first); }
  | "shell" text clauses { $$ = STATEMENT(SHELL, @$, @1, .value = $2, .clauses = $3.first); }
  | "sql" name query clauses {
        $$ = STATEMENT(SQL, @$, @3, .name = $2, .value = $3, .clauses = $4.first);
    }
  | "redis" name command clauses {
        $$ = STATEMENT(REDIS, @$, @3, .name = $2, .value = $3, .clauses = $4.first);
    }
  | "http" name expr clauses {
        $$ = STATEMENT(HTTP, @$, @3, .name = $2, .value = $3, .clauses = $4.first);
    }
  | "do" path '(' arguments ')' clauses {
        struct rbk_span call = rbk_span_join(@2, @5);
        $$ = STATEMENT(DO, @$, @5, .clauses = $6.first,
                       .value = EXPR(CALL, call, .arguments = $4.first,
                                     .left = rbk_tree_path(parse, $2)));
    }
  | "check" text expr clauses {
        $$ = STATEMENT(CHECK, @$, @3, .text = $2, .value = $3, .clauses = $4.first);
    }
  | "wait" expr "because" text { $$ = STATEMENT(WAIT, @$, @2, .value = $2, .text = $4); }
  | "wait" "until" expr clauses {
        $$ = STATEMENT(WAIT_UNTIL, @$, @3, .value = $3, .clauses = $4.first);
    }
  | "notify" name expr clauses {
        $$ = STATEMENT(NOTIFY, @$, @3, .name = $2, .value = $3, .clauses = $4.first);
    }
  | "capture" text expr clauses {
        $$ = STATEMENT(CAPTURE, @$, @3, .text = $2, .value = $3, .clauses = $4.first);
    }
  | "capture" text "run" command clauses {
        $$ = STATEMENT(CAPTURE_RUN, @$, @4, .text = $2, .value = $4, .clauses = $5.first);
    }
  | "restore" name clauses { $$ = STATEMENT(RESTORE, @$, @2, .name = $2, .clauses = $3.first); }
  | "take" name clauses { $$ = STATEMENT(TAKE, @$, @2, .name = $2, .clauses = $3.first); }
  | "undo" { $$ = STATEMENT(UNDO, @$, @1, .block = NULL); }
  | "undo" block { $$ = STATEMENT(UNDO_BLOCK, @$, @1, .block = $2); }
  | verify
  | "manual" text "by" roles clauses {
        $$ = STATEMENT(MANUAL, @$, @4, .text = $2, .names = $4.first, .clauses = $5.first);
    }
  | attest
  | "ask" roles text clauses {
        $$ = STATEMENT(ASK, @$, @3, .names = $2.first, .text = $3, .clauses = $4.first);
    }
  | "foreach" name "in" expr block {
        $$ = STATEMENT(FOREACH, @$, @4, .name = $2, .value = $4, .block = $5);
    }
  | "foreach" name "in" expr "at" "most" INT block {
        $$ = STATEMENT(FOREACH, @$, @4, .name = $2, .value = $4, .block = $8,
                       .clauses = CLAUSE(AT_MOST, rbk_span_join(@5, @7),
                                         .amount = (uint64_t)$7.number));
    }
  | "foreach" error block { $$ = NULL; }
  | "parallel" block { $$ = STATEMENT(PARALLEL, @$, @1, .block = $2); }
  | "if" expr block { $$ = STATEMENT(IF, @$, @2, .value = $2, .block = $3); }
  | "if" expr block "else" block {
        $$ = STATEMENT(IF, @$, @2, .value = $2, .block = $3, .else_block = $5);
    }
  | "if" error block { $$ = NULL; }
  | "nothing" "because" text { $$ = STATEMENT(NOTHING, @$, @1, .text = $3); } ;

command: text | list;
query: text | "file" text { $$ = EXPR(FILE, @$, .left = $2); };

/* What may follow a step's fixed part, in any order. */

clauses:
    %empty { EMPTY($$); }
  | clauses clause { $$ = $1; RBK_TREE_APPEND($$, $2); } ;

clause:
    "timeout" DURATION { $$ = DURATION(TIMEOUT, @$, @$, $2); }
  | "every" DURATION { $$ = DURATION(EVERY, @$, @$, $2); }
  | "within" DURATION { $$ = DURATION(WITHIN, @$, @$, $2); }
  | "for" DURATION { $$ = DURATION(FOR, @$, @$, $2); }
  | "for" INT "readings" { $$ = CLAUSE(FOR_READINGS, @$, .amount = (uint64_t)$2.number); }
  | "confirm" "within" DURATION { $$ = DURATION(CONFIRM, @$, @$, $3); }
  | "at" "least" INT "readings" { $$ = CLAUSE(AT_LEAST, @$, .amount = (uint64_t)$3.number); }
  | "retry" INT { $$ = CLAUSE(RETRY, @$, .amount = (uint64_t)$2.number); }
  | "then" reaction { $$ = CLAUSE(THEN, @$, .reaction = $2); }
  | "else" reaction { $$ = CLAUSE(ELSE, @$, .reaction = $2); }
  | "missing" "after" INT { $$ = CLAUSE(MISSING_AFTER, @$, .amount = (uint64_t)$3.number); }
  | "missing" "then" reaction { $$ = CLAUSE(MISSING, @$, .reaction = $3); }
  | "missing" "hold" DURATION "then" reaction {
        $$ = CLAUSE(MISSING, @$, .flags = RBK_CLAUSE_HOLD, .amount = MILLISECONDS($3),
                    .reaction = $5);
    }
  | "since" name { $$ = CLAUSE(SINCE, @$, .name = $2); }
  | "since" name "started" { $$ = CLAUSE(SINCE, @$, .name = $2, .flags = RBK_CLAUSE_STARTED); }
  | "during" "apply" { $$ = CLAUSE(DURING_APPLY, @$, .flags = 0); }
  | "except" "during" names { $$ = CLAUSE(EXCEPT_DURING, @$, .name = $3.first); }
  | "four" "eyes" { $$ = CLAUSE(FOUR_EYES, @$, .flags = 0); }
  | "idempotent" { $$ = CLAUSE(IDEMPOTENT, @$, .flags = 0); }
  | "autocommit" { $$ = CLAUSE(AUTOCOMMIT, @$, .flags = 0); }
  | "done" "when" expr { $$ = CLAUSE(DONE_WHEN, @$, .value = $3); }
  | "in" "doubt" reaction { $$ = CLAUSE(IN_DOUBT, @$, .reaction = $3); }
  | "in" expr { $$ = CLAUSE(IN, @$, .value = $2); }
  | "using" name { $$ = CLAUSE(USING, @$, .name = $2); }
  | "cancel" text { $$ = CLAUSE(CANCEL, @$, .value = $2); }
  | "into" name { $$ = CLAUSE(INTO, @$, .name = $2); }
  | "expect" integers { $$ = CLAUSE(EXPECT, @$, .value = $2.first); }
  | "header" text expr { $$ = CLAUSE(HEADER, @$, .second = $2, .value = $3); }
  | "json" text { $$ = CLAUSE(JSON, @$, .value = $2); }
  | "body" expr { $$ = CLAUSE(BODY, @$, .value = $2); }
  | "stdin" expr { $$ = CLAUSE(STDIN, @$, .value = $2); }
  | "optional" "because" text { $$ = CLAUSE(OPTIONAL, @$, .value = $3); }
  | "progress" expr { $$ = CLAUSE(PROGRESS, @$, .value = $2); }
  | "env" '{' environment '}' { $$ = CLAUSE(ENV, @$, .arguments = $3.first); } ;

integers:
    INT { START($$, LITERAL(INT, @1, $1)); }
  | integers ',' INT { $$ = $1; RBK_TREE_APPEND($$, LITERAL(INT, @3, $3)); } ;

environment:
    %empty { EMPTY($$); }
  | entries
  | entries ','
  | error { EMPTY($$); } ;

entries:
    entry { START($$, $1); }
  | entries entry { $$ = $1; RBK_TREE_APPEND($$, $2); }
  | entries ',' entry { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

entry: name ':' expr { $$ = rbk_tree_argument(parse, $1, $3); };

/* Expressions. */

expr:
    expr "or" expr { $$ = BINARY(OR, @$, $1, $3); }
  | expr "and" expr { $$ = BINARY(AND, @$, $1, $3); }
  | "not" expr { $$ = EXPR(NOT, @$, .left = $2); }
  | expr "==" expr { $$ = BINARY(EQUAL, @$, $1, $3); }
  | expr "!=" expr { $$ = BINARY(NOT_EQUAL, @$, $1, $3); }
  | expr '<' expr { $$ = BINARY(LESS, @$, $1, $3); }
  | expr '>' expr { $$ = BINARY(GREATER, @$, $1, $3); }
  | expr "<=" expr { $$ = BINARY(LESS_EQUAL, @$, $1, $3); }
  | expr ">=" expr { $$ = BINARY(GREATER_EQUAL, @$, $1, $3); }
  | expr "??" expr { $$ = BINARY(COALESCE, @$, $1, $3); }
  | expr '+' expr { $$ = BINARY(ADD, @$, $1, $3); }
  | expr '-' expr { $$ = BINARY(SUBTRACT, @$, $1, $3); }
  | expr '*' expr { $$ = BINARY(MULTIPLY, @$, $1, $3); }
  | expr '/' expr { $$ = BINARY(DIVIDE, @$, $1, $3); }
  | expr "as" name { $$ = EXPR(AS, @$, .left = $1, .name = $3); }
  | '-' expr %prec NEGATIVE { $$ = EXPR(NEGATE, @$, .left = $2); }
  | primary ;

primary:
    name { $$ = EXPR(NAME, @$, .name = $1); }
  | text
  | list
  | INT { $$ = LITERAL(INT, @$, $1); }
  | NUMBER { $$ = LITERAL(NUMBER, @$, $1); }
  | RATIO { $$ = LITERAL(RATIO, @$, $1); }
  | DURATION { $$ = LITERAL(DURATION, @$, $1); }
  | BYTES { $$ = LITERAL(BYTES, @$, $1); }
  | "true" { $$ = EXPR(BOOL, @$, .number = 1); }
  | "false" { $$ = EXPR(BOOL, @$, .number = 0); }
  | "stage" '.' any {
        $$ = EXPR(NAME, @1, .name = rbk_tree_name(parse, $1, @1));
        $$ = EXPR(MEMBER, @$, .left = $$, .name = $3);
    }
  | primary '.' any { $$ = EXPR(MEMBER, @$, .left = $1, .name = $3); }
  | primary '(' arguments ')' { $$ = EXPR(CALL, @$, .left = $1, .arguments = $3.first); }
  | '(' expr ')' { $$ = $2; $$->span = @$; } ;

list:
    '[' ']' { $$ = EXPR(LIST, @$, .items = NULL); }
  | '[' exprs ']' { $$ = EXPR(LIST, @$, .items = $2.first); }
  | '[' exprs ',' ']' { $$ = EXPR(LIST, @$, .items = $2.first); } ;

exprs:
    expr { START($$, $1); }
  | exprs ',' expr { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

arguments:
    %empty { EMPTY($$); }
  | some_arguments
  | some_arguments ',' ;

some_arguments:
    argument { START($$, $1); }
  | some_arguments ',' argument { $$ = $1; RBK_TREE_APPEND($$, $3); } ;

argument:
    expr { $$ = rbk_tree_argument(parse, NULL, $1); }
  | any ':' expr { $$ = rbk_tree_argument(parse, $1, $3); }
  | "file" text { $$ = rbk_tree_argument(parse, NULL, EXPR(FILE, @$, .left = $2)); } ;

text:
    TEXT { $$ = rbk_tree_text(parse, $1, @$); }
  | TEXT_BEGIN parts TEXT_END { $$ = rbk_tree_text_parts(parse, $1, $2, @$); } ;

parts:
    %empty { EMPTY($$); }
  | parts TEXT_PIECE { $$ = $1; RBK_TREE_APPEND($$, EXPR(TEXT, @2, .left = NULL)); }
  | parts "${" expr INTERPOLATION_END { $$ = $1; RBK_TREE_APPEND($$, $3); }
  | parts "${" reserved INTERPOLATION_END {
        $$ = $1;
        RBK_TREE_APPEND($$, EXPR(NAME, @3, .name = rbk_tree_name(parse, $3, @3)));
    } ;

optional_text: %empty { $$ = NULL; } | text;

/* Names. */

name: word { $$ = rbk_tree_name(parse, $1, @$); };
optional_name: %empty { $$ = NULL; } | name;

any: name
  | reserved { $$ = rbk_tree_name(parse, $1, @$); }
  | "true" { $$ = rbk_tree_name(parse, $1, @$); }
  | "false" { $$ = rbk_tree_name(parse, $1, @$); } ;

/* The reserved words that are names, too; and those that are only after a dot, before a colon, as a
 * type, behind `action`, `reading`, `channel`, `kind` and `on`, and alone between `${` and `}`. */

word: ID |
    "baseline" | "before" | "command" | "confirm" | "env" | "estimate" | "eyes" | "file" | "four" |
    "http" | "least" |
    "plan" | "readings" | "redis" | "run" | "sql" | "stuck" ;

reserved:
    "abort" | "acquire" | "action" | "after" | "allow" | "and" | "apply" | "approval" | "approve" |
    "as" | "ask" | "at" | "attempts" | "attest" | "autocommit" | "backup" | "because" | "body" |
    "by" | "cancel" | "capture" | "channel" | "check" | "connection" | "contact" | "created" |
    "data" | "do" | "done" | "doubt" | "during" | "else" | "escalate" | "every" | "except" |
    "expect" | "for" | "foreach" | "from" | "grace" | "header" | "held" | "hold" |
    "idempotent" | "if" | "in" | "into" | "json" | "keep" | "kind" | "let" | "lock" | "manual" |
    "members" | "missing" | "modified" | "module" | "most" | "not" | "nothing" | "notify" |
    "observe" | "of" | "on" | "optional" | "or" | "over" | "owner" | "parallel" | "param" |
    "pause" | "prepare" | "probe" | "progress" | "reading" | "rehearsed" | "release" |
    "report" | "require" | "restore" | "retire" | "retry" | "risk" | "role" | "rollback" |
    "secret" | "service" | "severity" | "shell" | "signal" | "since" | "stage" | "started" |
    "stdin" | "take" | "then" | "ticket" | "timeout" | "title" | "to" | "trigger" |
    "undo" | "until" | "unwatched" | "use" | "using" | "verify" | "wait" | "when" | "where" |
    "window" | "with" | "within" ;

%%

/* Tell syntax_message.c what was found and what could have stood there. */
static int yyreport_syntax_error(const yypcontext_t *context, struct rbk_parse *parse)
{
    /* The list of findings is full: finding out what was expected would be for nothing. */
    if (parse->diagnostics->dropped > 0) {
        parse->stopped = parse->file->broken = true;
        return 0;
    }
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *expected[YYNTOKENS];
    int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++)
        expected[i] = yysymbol_name(kinds[i]);
    yysymbol_kind_t found = yypcontext_token(context);
    rbk_syntax_error(parse, *yypcontext_location(context),
                     found == YYSYMBOL_YYEMPTY ? NULL : yysymbol_name(found), expected,
                     (size_t)count);
    return 0;
}

/* Bison calls this for one thing only: its stack is full. */
static void rbk_yyerror(const struct rbk_span *span, struct rbk_parse *parse, const char *message)
{
    (void)message;
    rbk_parse_stop(parse, *span, RBK_PARSE_LIMIT_NESTING);
}

const char *rbk_token_words(int token)
{
    return yysymbol_name(YYTRANSLATE(token));
}
