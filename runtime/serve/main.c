/*
 * rbk-serve: started by `rbk serve`, which has read the options (words.h). Descriptors 0 to 2, an
 * ignored SIGPIPE and the environment are its doing, too.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "runtime/people/commands.h"
#include "runtime/serve/serve.h"
#include "runtime/serve/words.h"

/* Half a description in a file on a full disk must not look like one; a reader who has seen enough
 * may leave. */
static int print_openapi(void)
{
    struct rbk_str text = rbk_serve_openapi();

    if ((fwrite(text.data, 1, text.bytes, stdout) != text.bytes || fflush(stdout) != 0) &&
        errno != EPIPE) {
        perror("rbk serve: cannot write the output");
        return RBK_EXIT_FAILED;
    }
    return RBK_EXIT_COMPLETED;
}

int main(int argc, char **argv)
{
    const struct rbk_options command = {.command = "serve"};
    struct rbk_serve_options options;
    struct rbk_error error = {0};

    (void)setlocale(LC_CTYPE, "");
    if (argc == 2 && strcmp(argv[1], RBK_SERVE_OPENAPI) == 0) {
        return print_openapi();
    }
    if (argc < RBK_SERVE_HOSTS) {
        (void)fputs(RBK_SERVE_PROGRAM ": started by `rbk serve`, not by hand\n", stderr);
        return RBK_EXIT_USAGE;
    }
    options = (struct rbk_serve_options){
        .store_path = argv[RBK_SERVE_STORE],
        .listen = argv[RBK_SERVE_ADDRESS][0] != '\0' ? argv[RBK_SERVE_ADDRESS] : NULL,
        .tls_cert = argv[RBK_SERVE_CERT][0] != '\0' ? argv[RBK_SERVE_CERT] : NULL,
        .tls_key = argv[RBK_SERVE_KEY][0] != '\0' ? argv[RBK_SERVE_KEY] : NULL,
        .behind_proxy = strcmp(argv[RBK_SERVE_BEHIND_PROXY], "yes") == 0,
        .hosts = argv + RBK_SERVE_HOSTS,
        .host_count = (size_t)(argc - RBK_SERVE_HOSTS),
    };
    return rbk_serve(&options, &error) == 0 ? RBK_EXIT_COMPLETED
                                            : rbk_subcommand_failed(&command, &error);
}
