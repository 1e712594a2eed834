/*
 * The table of routes and docs/openapi.json have the same routes, methods and rights: a route that
 * is not described, or one that is described and not there, is found here.
 */
#include "runtime/serve/serve_internal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static json_t *openapi;

static void setup(void)
{
    struct rbk_str text = rbk_serve_openapi();

    openapi = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(openapi);
}

static void teardown(void)
{
    json_decref(openapi);
}

/* The operation of a route; NULL: it is not described. */
static json_t *operation_of(const struct route *route)
{
    json_t *item = json_object_get(json_object_get(openapi, "paths"), route->path);

    return json_object_get(item, strcmp(route->method, "GET") == 0 ? "get" : "post");
}

START_TEST(every_route_is_described)
{
    for (size_t i = 0; i < rbk_route_count; i++) {
        ck_assert_msg(operation_of(&rbk_routes[i]) != NULL, "%s %s", rbk_routes[i].method,
                      rbk_routes[i].path);
    }
}
END_TEST

START_TEST(everything_described_is_a_route)
{
    const char *path, *method;
    json_t *item, *operation;
    size_t count = 0;

    json_object_foreach(json_object_get(openapi, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            size_t i = 0;

            while (i < rbk_route_count && !(strcmp(rbk_routes[i].path, path) == 0 &&
                                            operation_of(&rbk_routes[i]) == operation)) {
                i++;
            }
            ck_assert_msg(i < rbk_route_count, "%s %s is described and not there", method, path);
            count++;
        }
    }
    ck_assert_uint_eq(count, rbk_route_count);
}
END_TEST

/* Follow "#/components/…" from the top. */
static const json_t *follow(const char *reference)
{
    const json_t *at = openapi;
    char key[128];

    ck_assert_int_eq(strncmp(reference, "#/", 2), 0);
    reference += 2;
    while (at != NULL && *reference != '\0') {
        size_t bytes = strcspn(reference, "/");

        ck_assert_uint_lt(bytes, sizeof(key));
        memcpy(key, reference, bytes);
        key[bytes] = '\0';
        at = json_object_get(at, key);
        reference += bytes;
        reference += *reference == '/';
    }
    return at;
}

static void check_references(const json_t *at, unsigned depth)
{
    const char *reference = json_string_value(json_object_get(at, "$ref")), *key;
    json_t *value;
    size_t index;

    ck_assert_uint_lt(depth, 64);
    ck_assert_msg(reference == NULL || follow(reference) != NULL, "%s leads nowhere", reference);
    json_array_foreach((json_t *)at, index, value)
    {
        check_references(value, depth + 1);
    }
    json_object_foreach((json_t *)at, key, value)
    {
        check_references(value, depth + 1);
    }
}

START_TEST(every_reference_of_the_description_leads_somewhere)
{
    check_references(openapi, 0);
}
END_TEST

START_TEST(only_what_anybody_may_do_is_described_as_open)
{
    for (size_t i = 0; i < rbk_route_count; i++) {
        const json_t *security = json_object_get(operation_of(&rbk_routes[i]), "security");
        bool open = security != NULL && json_array_size(security) == 0;

        ck_assert_msg(open == (rbk_routes[i].access == ACCESS_ANYBODY), "%s", rbk_routes[i].path);
    }
}
END_TEST

START_TEST(what_takes_a_body_says_so_and_what_changes_something_is_no_get)
{
    for (size_t i = 0; i < rbk_route_count; i++) {
        const struct route *route = &rbk_routes[i];
        bool post = strcmp(route->method, "POST") == 0;

        ck_assert_msg(post || strcmp(route->method, "GET") == 0, "%s", route->method);
        ck_assert_msg(post == (route->body_max != 0), "%s", route->path);
        ck_assert_msg(post == (json_object_get(operation_of(route), "requestBody") != NULL), "%s",
                      route->path);
        ck_assert_msg(post == (route->access == ACCESS_ASK || route->access == ACCESS_ALERTS), "%s",
                      route->path);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_routes");
    TCase *cases = tcase_create("serve_routes");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_route_is_described);
    tcase_add_test(cases, everything_described_is_a_route);
    tcase_add_test(cases, every_reference_of_the_description_leads_somewhere);
    tcase_add_test(cases, only_what_anybody_may_do_is_described_as_open);
    tcase_add_test(cases, what_takes_a_body_says_so_and_what_changes_something_is_no_get);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
