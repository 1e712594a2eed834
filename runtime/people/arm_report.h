#ifndef RBK_RUNTIME_PEOPLE_ARM_REPORT_H
#define RBK_RUNTIME_PEOPLE_ARM_REPORT_H

/*
 * `rbk run PLAN --arm-only`: every trigger and reading criterion of a plan, what it reads now, and
 * how far it is from firing. A table for people, one object with --json.
 */

#include "runtime/people/options.h"
#include "runtime/people/params.h"
#include "runtime/people/plan_file.h"

/* @return The program's exit status: 0 when each of them has a value, else 1. */
int rbk_arm_report(const struct rbk_options *options, const struct rbk_plan_file *file,
                   const struct rbk_params *params);

#endif
