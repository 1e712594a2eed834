/*
 * The table of codes and the writing of struct rbk_error. Formatting is bounded; nothing allocates,
 * so that running out of memory can be reported too.
 */
#include "runtime/core/base/error.h"

#include "runtime/core/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_ROW(NAME, STATUS, TEXT) {#NAME, STATUS, TEXT},

/** By code, in the order of the enumeration. */
static const struct {
    const char *name;
    int exit_status;
    const char *text;
} errors[RBK_ERR_COUNT] = {{"OK", 0, "no error"}, RBK_ERRORS(ERROR_ROW)};

/** The row of a code, positive or negative; an unknown one is our mistake. */
static size_t row_of(int error)
{
    int code = error < 0 ? -error : error;
    RBK_ASSERT(code < RBK_ERR_COUNT);
    return (size_t)code;
}

RBK_PRINTF(4, 0)
static int set(struct rbk_error *reterr, enum rbk_err code, int system, const char *format,
               va_list arguments)
{
    RBK_ASSERT(code > RBK_OK);
    RBK_ASSERT(code < RBK_ERR_COUNT);
    if (!reterr) {
        return -(int)code;
    }
    /* Formatted aside, because an argument may point into the error that is being replaced. */
    char text[sizeof(reterr->text)] = "";
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    RBK_ASSERT(bytes >= 0);
    size_t end = strlen(text);
    if (system != 0) {
        (void)snprintf(text + end, sizeof(text) - end, ": %s", strerror(system));
    }
    memcpy(reterr->text, text, sizeof(text));
    reterr->code = code;
    reterr->system = system;
    reterr->place[0] = '\0';
    return -(int)code;
}

int rbk_error_set(struct rbk_error *reterr, enum rbk_err code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int error = set(reterr, code, 0, format, arguments);
    va_end(arguments);
    return error;
}

int rbk_error_set_system(struct rbk_error *reterr, enum rbk_err code, int system,
                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int error = set(reterr, code, system, format, arguments);
    va_end(arguments);
    return error;
}

void rbk_error_set_place(struct rbk_error *reterr, const char *format, ...)
{
    if (!reterr) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reterr->place, sizeof(reterr->place), format, arguments);
    va_end(arguments);
}

const char *rbk_error_name(int error)
{
    return errors[row_of(error)].name;
}

const char *rbk_error_text(int error)
{
    return errors[row_of(error)].text;
}

int rbk_error_exit_status(int error)
{
    return errors[row_of(error)].exit_status;
}
