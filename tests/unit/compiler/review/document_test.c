/*
 * Documents: what a plan says stays text, whatever it looks like, in both formats.
 */
#include "compiler/review/document.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_document document;

static const char *ended(void)
{
    rbk_document_end(&document);
    ck_assert_int_eq(document.out.error, 0);
    return document.out.data;
}

static void begin(enum rbk_document_format format)
{
    rbk_document_begin(&document, format, RBK_STR("<b>"), (size_t)1 << 20);
}

static void fini(void)
{
    rbk_document_fini(&document);
}

START_TEST(markdown_of_a_plan_is_no_markup)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_paragraph(&document, "%s", "<img src=x> **a** [b](c) `d` $e$ ~f~ _g_ &lt;");
    ck_assert_str_eq(ended(), "&lt;img src=x\\> \\*\\*a\\*\\* \\[b\\](c) \\`d\\` \\$e\\$ \\~f\\~ "
                              "\\_g\\_ &amp;lt;\n");
    fini();
}
END_TEST

START_TEST(markdown_names_no_person_and_no_issue)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_paragraph(&document, "%s", "ask @everyone about #12, mail dba@example.com");
    ck_assert_str_eq(ended(), "ask @<!-- -->everyone about #<!-- -->12, mail dba@example.com\n");
    fini();
}
END_TEST

START_TEST(a_line_of_markdown_begins_no_list)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_paragraph(&document, "%s", "12. of May");
    rbk_document_paragraph(&document, "%s", "- a");
    rbk_document_paragraph(&document, "%s", "# a");
    ck_assert_str_eq(ended(), "12\\. of May\n\n\\- a\n\n\\# a\n");
    fini();
}
END_TEST

START_TEST(code_is_fenced_by_more_than_it_holds)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_paragraph(&document, RBK_CODE("%s"), "a `b` ``c");
    rbk_document_code(&document, 0, "sh", RBK_STR("```\nend"));
    ck_assert_str_eq(ended(), "```a `b` ``c```\n\n````sh\n```\nend\n````\n");
    fini();
}
END_TEST

START_TEST(a_bar_does_not_end_a_cell)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_table(&document, "A", "B", NULL);
    rbk_document_cell(&document, RBK_CODE("%s"), "a | b");
    rbk_document_cell(&document, "%s", "c | d\ne");
    rbk_document_row_end(&document);
    ck_assert_str_eq(ended(), "| A | B |\n| --- | --- |\n| `a \\| b` | c \\| d e |\n");
    fini();
}
END_TEST

START_TEST(characters_that_hide_are_shown)
{
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_paragraph(&document, "%s",
                           "a\xE2\x80\xAE"
                           "b\x1b[31m\x7f\xff");
    ck_assert_str_eq(ended(), "a\xEF\xBF\xBD"
                              "b\xEF\xBF\xBD\\[31m\xEF\xBF\xBD\xEF\xBF\xBD\n");
    fini();
}
END_TEST

START_TEST(html_of_a_plan_is_no_markup)
{
    begin(RBK_DOCUMENT_HTML);
    rbk_document_paragraph(&document, "%s " RBK_CODE("%s"), "<script>alert(1)</script>&\"",
                           "</code><b>");
    const char *text = ended();
    ck_assert_ptr_nonnull(strstr(text, "<title>&lt;b&gt;</title>"));
    ck_assert_ptr_nonnull(strstr(text, "<p>&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot; "
                                       "<code>&lt;/code&gt;&lt;b&gt;</code></p>"));
    fini();
}
END_TEST

START_TEST(html_balances_whatever_marks_a_text_holds)
{
    begin(RBK_DOCUMENT_HTML);
    rbk_document_paragraph(&document, "%s", "\002\003a\001b\004c\003");
    ck_assert_ptr_nonnull(
        strstr(ended(), "<p><strong>a<code>b</code></strong>c<strong></strong></p>"));
    fini();
}
END_TEST

START_TEST(lists_nest_and_end_in_both_formats)
{
    begin(RBK_DOCUMENT_HTML);
    rbk_document_item(&document, 0, "a");
    rbk_document_task(&document, 1, "b");
    rbk_document_code(&document, 2, "", RBK_STR("c"));
    rbk_document_item(&document, 0, "d");
    ck_assert_ptr_nonnull(strstr(ended(), "<ul>\n<li>a<ul>\n<li class=\"task\"><input "
                                          "type=\"checkbox\"> b<pre><code>c</code></pre>\n</li>\n"
                                          "</ul>\n</li>\n<li>d</li>\n</ul>\n</body>"));
    fini();
    begin(RBK_DOCUMENT_MARKDOWN);
    rbk_document_item(&document, 0, "a");
    rbk_document_task(&document, 3, "b");
    rbk_document_code(&document, 2, "", RBK_STR("c\nd"));
    rbk_document_item(&document, 0, "e");
    ck_assert_str_eq(ended(), "- a\n  - [ ] b\n    ```\n    c\n    d\n    ```\n- e\n");
    fini();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("document");
    TCase *tests = tcase_create("document");
    tcase_add_test(tests, markdown_of_a_plan_is_no_markup);
    tcase_add_test(tests, markdown_names_no_person_and_no_issue);
    tcase_add_test(tests, a_line_of_markdown_begins_no_list);
    tcase_add_test(tests, code_is_fenced_by_more_than_it_holds);
    tcase_add_test(tests, a_bar_does_not_end_a_cell);
    tcase_add_test(tests, characters_that_hide_are_shown);
    tcase_add_test(tests, html_of_a_plan_is_no_markup);
    tcase_add_test(tests, html_balances_whatever_marks_a_text_holds);
    tcase_add_test(tests, lists_nest_and_end_in_both_formats);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
