/*
 * rbk run: a plan from its source or machine to its end; with --arm-only what its triggers read.
 */
#include <stdio.h>

#include "runtime/people/arm_report.h"
#include "runtime/people/commands.h"
#include "runtime/people/params.h"
#include "runtime/people/plan_file.h"
#include "runtime/people/session.h"

static int run_plan(struct rbk_session *session, const struct rbk_options *options,
                    const struct rbk_plan_file *file, const struct rbk_params *params)
{
    struct rbk_error error = {0};
    struct rbk_run *run = NULL;
    int result = rbk_run_create(&session->run_options, file->machine, file->text, file->directory,
                                params->items, params->count,
                                options->values[RBK_OPTION_UNREHEARSED], &run, &error);
    return result != 0 ? rbk_subcommand_failed(options, &error) : rbk_session_drive(session, run);
}

int rbk_subcommand_run(const struct rbk_options *options)
{
    struct rbk_error error = {0};
    struct rbk_plan_file file;
    struct rbk_params params;
    struct rbk_session session;
    int result, status;

    if (rbk_params_read(options, &params, &error) != 0) {
        return rbk_subcommand_failed(options, &error);
    }
    result =
        rbk_plan_file_load(options->words[0], options->values[RBK_OPTION_DIRECTORY], &file, &error);
    if (result != 0) {
        rbk_params_fini(&params);
        if (result == -RBK_ECOMPILE) {
            return RBK_EXIT_COMPILE; /* the compiler has said what is wrong */
        }
        status = rbk_subcommand_failed(options, &error);
        return result == -RBK_ENOTFOUND || result == -RBK_EIO ? status : RBK_EXIT_COMPILE;
    }
    if (options->given[RBK_OPTION_ARM_ONLY]) {
        status = rbk_arm_report(options, &file, &params);
        rbk_plan_file_fini(&file);
        rbk_params_fini(&params);
        return status;
    }
    if (rbk_session_init(&session, options, &error) != 0) {
        status = rbk_subcommand_failed(options, &error);
    } else {
        status = run_plan(&session, options, &file, &params);
    }
    rbk_session_fini(&session);
    rbk_plan_file_fini(&file);
    rbk_params_fini(&params);
    return status;
}
