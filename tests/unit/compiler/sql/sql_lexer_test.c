/*
 * The lexer cuts SQL where its server does, and no text, however broken, leads it astray.
 *
 * Tokens are written as letters and texts: w word, n name, s string, # number, $ parameter, and a
 * symbol as itself; so `SELECT 'a' || $1` is `wSELECT s'a' | | $$1`. What is not closed ends in
 * `!`.
 */
#include "compiler/sql_lexer.h"

#include "runtime/core/base/attributes.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char shown[4096];

/* The tokens of a text, separated by blanks. */
static const char *lex_as(const char *text, enum rbk_sql_dialect dialect)
{
    static const char kinds[] = ".wns#$";
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make(rbk_str_from(text), dialect);
    size_t used = 0;
    shown[0] = '\0';
    for (;;) {
        struct rbk_sql_token token = rbk_sql_lex(&lexer);
        const char *opened = token.opened ? "!" : "";
        if (token.kind == RBK_SQL_END && !token.opened) {
            return shown;
        }
        used += (size_t)snprintf(shown + used, sizeof(shown) - used, "%s", used ? " " : "");
        if (token.kind != RBK_SQL_SYMBOL) {
            used += (size_t)snprintf(shown + used, sizeof(shown) - used, "%c", kinds[token.kind]);
        }
        used += (size_t)snprintf(shown + used, sizeof(shown) - used, "%.*s%s",
                                 RBK_STR_ARG(token.text), opened);
        if (token.kind == RBK_SQL_END) {
            return shown;
        }
    }
}

static const char *lex(const char *text)
{
    return lex_as(text, RBK_SQL_POSTGRES);
}

START_TEST(words_names_numbers_and_parameters_are_told_apart)
{
    ck_assert_str_eq(lex("SELECT a.b, $1 FROM t2 WHERE x>=1.5e-3;"),
                     "wSELECT wa . wb , $$1 wFROM wt2 wWHERE wx > = #1.5e-3 ;");
    ck_assert_str_eq(lex("a$b$c $12 x$1"), "wa$b$c $$12 wx$1");
    ck_assert_str_eq(lex("\xc3\xa4pfel _x"), "w\xc3\xa4pfel w_x");
    ck_assert_str_eq(lex("1..2 .5 1_000 0xff"), "#1 . #.2 #.5 #1_000 #0xff");
    ck_assert_str_eq(lex("@>::%"), "@ > : : %");
}
END_TEST

START_TEST(doubled_quotes_stand_for_one)
{
    ck_assert_str_eq(lex("'it''s' x"), "s'it''s' wx");
    ck_assert_str_eq(lex("'''' ''"), "s'''' s''");
    ck_assert_str_eq(lex("\"a\"\"b\" x"), "n\"a\"\"b\" wx");
    ck_assert_str_eq(lex("\"'\" '\"' x"), "n\"'\" s'\"' wx");
}
END_TEST

START_TEST(a_backslash_protects_in_e_strings_alone)
{
    ck_assert_str_eq(lex("'a\\' x"), "s'a\\' wx");
    ck_assert_str_eq(lex("E'a\\' x' y"), "sE'a\\' x' wy");
    ck_assert_str_eq(lex("e'\\\\' x"), "se'\\\\' wx");
    ck_assert_str_eq(lex("B'1' X'f' N'a\\' U&'\\0061' x"), "sB'1' sX'f' sN'a\\' sU&'\\0061' wx");
    ck_assert_str_eq(lex("U&\"a\" name'x'"), "nU&\"a\" wname s'x'");
    /* The state of an E'…' goes on with the string, on the next line. */
    ck_assert_str_eq(lex("E'a'\n'b\\' c' x"), "sE'a'\n'b\\' c' wx");
    ck_assert_str_eq(lex("E'a' 'b\\' x"), "sE'a' s'b\\' wx");
    ck_assert_str_eq(lex("E'a' -- why\n'\\'' x"), "sE'a' -- why\n'\\'' wx");
}
END_TEST

START_TEST(dollar_quotes_end_at_their_own_tag)
{
    ck_assert_str_eq(lex("$$ a; 'b $$ x"), "s$$ a; 'b $$ wx");
    ck_assert_str_eq(lex("$a$ $$ $b$ $a$ x"), "s$a$ $$ $b$ $a$ wx");
    ck_assert_str_eq(lex("$1$2 x"), "$$1 $$2 wx");
    ck_assert_str_eq(lex("$a b$"), "$ wa wb$");
    ck_assert_str_eq(lex("$_1$x$_1$"), "s$_1$x$_1$");
    ck_assert_str_eq(lex("$A$ $a$ $A$ x"), "s$A$ $a$ $A$ wx");
}
END_TEST

START_TEST(comments_nest_and_hide_what_they_hold)
{
    ck_assert_str_eq(lex("a /* ' /* \" */ $$ */ b"), "wa wb");
    ck_assert_str_eq(lex("a -- ' /*\nb"), "wa wb");
    ck_assert_str_eq(lex("a -- b\rc"), "wa wc");
    ck_assert_str_eq(lex("a--b"), "wa");
    ck_assert_str_eq(lex("a - - b /**/ / * c"), "wa - - wb / * wc");
    ck_assert_str_eq(lex("/*/ a */ b"), "wb");
}
END_TEST

START_TEST(sqlite_has_its_own_quotes_comments_and_parameters)
{
    ck_assert_str_eq(lex_as("a /* /* */ b */", RBK_SQL_SQLITE), "wa wb * /");
    ck_assert_str_eq(lex_as("[a ' b] `c ' d` \"e\"", RBK_SQL_SQLITE), "n[a ' b] n`c ' d` n\"e\"");
    ck_assert_str_eq(lex_as("[a]] b", RBK_SQL_SQLITE), "n[a] ] wb");
    ck_assert_str_eq(lex_as("E'a\\' x", RBK_SQL_SQLITE), "wE s'a\\' wx");
    ck_assert_str_eq(lex_as("? ?1 :a @b $c $1", RBK_SQL_SQLITE), "$? $?1 $:a $@b $$c $$1");
    ck_assert_str_eq(lex_as("x'ff' /* to the end", RBK_SQL_SQLITE), "sx'ff'");
    ck_assert_str_eq(lex_as("a -- b\rc\nd", RBK_SQL_SQLITE), "wa wd");
}
END_TEST

START_TEST(what_is_not_closed_says_so)
{
    static const char *const texts[][2] = {
        {"a 'b", "wa s'b!"},    {"a E'b\\'", "wa sE'b\\'!"}, {"a E'b\\", "wa sE'b\\!"},
        {"a \"b", "wa n\"b!"},  {"a $$ b $", "wa s$$ b $!"}, {"a $x$ b $y$", "wa s$x$ b $y$!"},
        {"a /* b", "wa ./*!"},  {"a /* b /* */", "wa ./*!"}, {"a U&'b", "wa sU&'b!"},
        {"'a'\n'", "s'a'\n'!"}, {"a /*", "wa ./*!"},
    };
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        ck_assert_str_eq(lex(texts[i][0]), texts[i][1]);
    }
    ck_assert_str_eq(lex_as("a [b", RBK_SQL_SQLITE), "wa n[b!");
    ck_assert_str_eq(lex_as("a `b", RBK_SQL_SQLITE), "wa n`b!");
}
END_TEST

START_TEST(an_empty_text_has_no_tokens)
{
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make((struct rbk_str){NULL, 0}, RBK_SQL_POSTGRES);
    ck_assert_int_eq(rbk_sql_lex(&lexer).kind, RBK_SQL_END);
    ck_assert_int_eq(rbk_sql_lex(&lexer).kind, RBK_SQL_END);
    ck_assert_str_eq(lex(" \n-- only a comment"), "");
}
END_TEST

START_TEST(words_are_compared_whole_and_in_any_case)
{
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make(RBK_STR("VaCuUm"), RBK_SQL_POSTGRES);
    struct rbk_sql_token token = rbk_sql_lex(&lexer);
    ck_assert(rbk_sql_is_word(&token, "VACUUM"));
    ck_assert(!rbk_sql_is_word(&token, "VACUUMS"));
    ck_assert(!rbk_sql_is_word(&token, "VACU"));
}
END_TEST

/* Any bytes: every token moves on, lies in the text, and the end comes. */
START_TEST(hostile_bytes_end_like_others)
{
    static const char alphabet[] = "'\"$[]`;-*/\\\nEeUu&xX01a?:@ \xff\xc3";
    uint64_t seed = 12345;
    for (unsigned round = 0; round < 20000; round++) {
        char text[40];
        size_t bytes = round % sizeof(text);
        for (size_t i = 0; i < bytes; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
        }
        char *exact = malloc(bytes + 1); /* of its own, so that a read past it shows */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, text, bytes);
        struct rbk_sql_lexer lexer = rbk_sql_lexer_make(
            (struct rbk_str){exact, bytes}, round % 2 ? RBK_SQL_SQLITE : RBK_SQL_POSTGRES);
        size_t before = 0;
        bool sound = true; /* asserting each token would take longer than the lexer does */
        struct rbk_sql_token token;
        while ((token = rbk_sql_lex(&lexer)).kind != RBK_SQL_END && sound) {
            sound = lexer.at > before && lexer.at <= bytes && token.text.data >= exact + before &&
                    token.text.data + token.text.bytes == exact + lexer.at;
            before = lexer.at;
        }
        ck_assert_msg(sound, "%.*s", (int)bytes, exact);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/sql_lexer");
    TCase *cases = tcase_create("sql_lexer");
    tcase_add_test(cases, words_names_numbers_and_parameters_are_told_apart);
    tcase_add_test(cases, doubled_quotes_stand_for_one);
    tcase_add_test(cases, a_backslash_protects_in_e_strings_alone);
    tcase_add_test(cases, dollar_quotes_end_at_their_own_tag);
    tcase_add_test(cases, comments_nest_and_hide_what_they_hold);
    tcase_add_test(cases, sqlite_has_its_own_quotes_comments_and_parameters);
    tcase_add_test(cases, what_is_not_closed_says_so);
    tcase_add_test(cases, an_empty_text_has_no_tokens);
    tcase_add_test(cases, words_are_compared_whole_and_in_any_case);
    tcase_add_test(cases, hostile_bytes_end_like_others);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
