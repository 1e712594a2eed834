/* What a command says when it could not do what it was asked for. */
#include "runtime/people/commands.h"

#include <stdio.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/people/sanitize.h"

int rbk_subcommand_failed(const struct rbk_options *options, const struct rbk_error *error)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, 4096);
    if (error->place[0] != '\0') {
        rbk_sanitize(&text, rbk_str_from(error->place));
        rbk_buffer_append_text(&text, ": ");
    }
    rbk_sanitize(&text, rbk_str_from(error->text[0] != '\0' ? error->text
                                                            : rbk_error_text((int)error->code)));
    (void)fprintf(stderr, "rbk %s: %s\n", options->command, text.data);
    rbk_buffer_fini(&text);
    return rbk_error_exit_status((int)error->code);
}
