/*
 * rbk serve: the runs of a store over HTTP (runtime/serve).
 */
#include <stdio.h>

#include "runtime/core/base/limits.h"
#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/serve/serve.h"

int rbk_subcommand_serve(const struct rbk_options *options)
{
    struct rbk_serve_options serve = {
        .listen = options->values[RBK_OPTION_LISTEN],
        .tls_cert = options->values[RBK_OPTION_TLS_CERT],
        .tls_key = options->values[RBK_OPTION_TLS_KEY],
        .behind_proxy = options->given[RBK_OPTION_BEHIND_PROXY],
        .hosts = options->sets,
        .host_count = options->set_count,
    };
    struct rbk_error error = {0};
    struct rbk_buffer path;
    int result;

    if (options->given[RBK_OPTION_OPENAPI]) {
        struct rbk_str text = rbk_serve_openapi();

        return fwrite(text.data, 1, text.bytes, stdout) == text.bytes ? RBK_EXIT_COMPLETED
                                                                      : RBK_EXIT_FAILED;
    }
    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    result = rbk_run_store_path(options, &path, &error);
    if (result == 0) {
        serve.store_path = path.data;
        result = rbk_serve(&serve, &error);
    }
    rbk_buffer_fini(&path);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
