/*
 * rbk serve: becomes rbk-serve (runtime/serve), which is installed beside the other helpers, with
 * what was asked for as its words.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/installed/installed.h"
#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/serve/words.h"

/* An option's value; "" stands for none. */
static char *value(const struct rbk_options *options, enum rbk_option option)
{
    static char none[] = "";

    return options->values[option] != NULL ? options->values[option] : none;
}

/* An empty word would be taken for none: `--tls-key "$KEY"` without a KEY must not pass. */
static int find_empty(const struct rbk_options *options, struct rbk_error *reterr)
{
    static const struct {
        enum rbk_option option;
        const char *name;
    } values[] = {{RBK_OPTION_LISTEN, "--listen"},
                  {RBK_OPTION_TLS_CERT, "--tls-cert"},
                  {RBK_OPTION_TLS_KEY, "--tls-key"}};

    for (size_t i = 0; i < RBK_COUNT(values); i++) {
        const char *text = options->values[values[i].option];

        if (text != NULL && text[0] == '\0') {
            return rbk_error_set(reterr, RBK_EUSAGE, "%s is given without a value", values[i].name);
        }
    }
    return 0;
}

/* Returns only when it failed. */
static int become(const char *path, char *const *words, struct rbk_error *reterr)
{
    (void)execv(path, words);
    return rbk_error_set_system(reterr, RBK_ENOTFOUND, errno,
                                "cannot start \"%s\", a program of this installation; install "
                                "rbk anew",
                                path);
}

int rbk_subcommand_serve(const struct rbk_options *options)
{
    char name[] = RBK_SERVE_PROGRAM, openapi[] = RBK_SERVE_OPENAPI, yes[] = "yes", no[] = "no";
    char **words = calloc(RBK_SERVE_HOSTS + options->set_count + 1, sizeof(*words));
    char *path = rbk_installed_path(name);
    struct rbk_error error = {0};
    struct rbk_buffer store;

    rbk_buffer_init(&store, RBK_PATH_BYTES_MAX);
    if (words == NULL || path == NULL) {
        (void)rbk_error_set(&error, RBK_ENOMEM, "out of memory, or there is no /proc");
    } else if (options->given[RBK_OPTION_OPENAPI]) {
        words[0] = name;
        words[1] = openapi;
        (void)become(path, words, &error);
    } else if (find_empty(options, &error) == 0 &&
               rbk_run_store_path(options, &store, &error) == 0) {
        words[0] = name;
        words[RBK_SERVE_STORE] = store.data;
        words[RBK_SERVE_ADDRESS] = value(options, RBK_OPTION_LISTEN);
        words[RBK_SERVE_CERT] = value(options, RBK_OPTION_TLS_CERT);
        words[RBK_SERVE_KEY] = value(options, RBK_OPTION_TLS_KEY);
        words[RBK_SERVE_BEHIND_PROXY] = options->given[RBK_OPTION_BEHIND_PROXY] ? yes : no;
        for (size_t i = 0; i < options->set_count; i++) {
            words[RBK_SERVE_HOSTS + i] = options->sets[i];
        }
        (void)become(path, words, &error);
    }
    rbk_buffer_fini(&store);
    free(path);
    free(words);
    return rbk_subcommand_failed(options, &error);
}
