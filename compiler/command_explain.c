/*
 * rbkc explain [CODE…]: what a code such as RBK121 means, with a bad and a good plan. The pages are
 * part of the program. Without a code: the list of them.
 */
#include "compiler/command.h"
#include "compiler/rules/page.h"
#include "compiler/rules/rules.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES_MAX ((size_t)16 << 20)

/* Every rule of the table with its title, and W or * as the reference marks them. */
static void list_codes(struct rbk_buffer *out)
{
    uint32_t count;
    const struct rbk_rule *rules = rbk_rule_table(&count);
    for (uint32_t i = 0; i < count; i++) {
        rbk_buffer_printf(out, "RBK%u  %s%s\n", (unsigned)rules[i].code, rules[i].title,
                          rules[i].waivable ? "" : " *");
    }
    rbk_buffer_append_str(out, RBK_STR("\n* cannot be waived. `rbkc explain RBK121' says more.\n"));
}

/* The code of the table that lies nearest to a number. */
static unsigned nearest(unsigned code)
{
    uint32_t count;
    const struct rbk_rule *rules = rbk_rule_table(&count);
    unsigned best = rules[0].code;
    for (uint32_t i = 0; i < count; i++) {
        unsigned at = rules[i].code;
        unsigned distance = at > code ? at - code : code - at;
        unsigned least = best > code ? best - code : code - best;
        best = distance < least ? at : best;
    }
    return best;
}

static int explain(const char *text, struct rbk_buffer *out)
{
    unsigned code = rbk_rule_page_code(rbk_str_from(text));
    const struct rbk_rule_page *page = rbk_rule_page_find(code);
    if (page) {
        rbk_rule_page_print(page, out);
        return RBK_COMMAND_CLEAN;
    }
    if (code) {
        unsigned near = nearest(code);
        fprintf(stderr, "rbkc explain: no rule RBK%u; the nearest is RBK%u: %s\n", code, near,
                rbk_rule_find(near)->title);
    } else {
        fprintf(stderr, "rbkc explain: \"%s\" is no code; one looks like RBK121\n", text);
    }
    fputs("`rbkc explain' lists all codes.\n", stderr);
    return RBK_COMMAND_USAGE;
}

int rbk_command_explain(int argc, const char **argv)
{
    const struct poptOption options[] = {POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc explain", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[CODE...]");
    int status = RBK_COMMAND_CLEAN;
    struct rbk_buffer out;
    rbk_buffer_init(&out, OUTPUT_BYTES_MAX);

    int option = poptGetNextOpt(context);
    const char **codes = poptGetArgs(context);
    if (option < -1) {
        fprintf(stderr, "rbkc explain: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
        status = RBK_COMMAND_USAGE;
    } else if (!codes) {
        list_codes(&out);
    }
    for (bool first = true; codes && *codes && status == RBK_COMMAND_CLEAN; codes++) {
        rbk_buffer_append_str(&out, first ? RBK_STR("") : RBK_STR("\n"));
        status = explain(*codes, &out);
        first = false;
    }
    if (out.error || (out.bytes && rbk_write_file(NULL, rbk_buffer_str(&out)) != 0)) {
        fprintf(stderr, "rbkc explain: cannot write the page: %s\n", strerror(errno));
        status = RBK_COMMAND_FAILED;
    }
    rbk_buffer_fini(&out);
    poptFreeContext(context);
    return status;
}
