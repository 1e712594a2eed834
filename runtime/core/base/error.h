/*
 * What the world refused: disks, sockets, servers, files and hostile input. Functions return 0 or
 * the negative of a code and describe the failure in a struct rbk_error that the caller owns.
 */
#ifndef RBK_RUNTIME_CORE_BASE_ERROR_H
#define RBK_RUNTIME_CORE_BASE_ERROR_H

#include "runtime/core/base/attributes.h"

/**
 * The one table of codes: X(name, exit status of a command that ends with it, text).
 * Exit statuses: 1 could not start or go on, 2 usage, 3 the plan does not compile.
 */
#define RBK_ERRORS(X)                                     \
    X(ENOMEM, 1, "out of memory")                         \
    X(EUSAGE, 2, "wrong usage")                           \
    X(ECOMPILE, 3, "the plan does not compile")           \
    X(EMACHINE, 3, "not a machine this program can run")  \
    X(EVERSION, 1, "written by another version")          \
    X(EINVALID, 1, "invalid input")                       \
    X(ELIMIT, 1, "a limit was reached")                   \
    X(EUNSUPPORTED, 1, "not carried out by this version") \
    X(ENOTFOUND, 1, "not found")                          \
    X(EEXISTS, 1, "exists already")                       \
    X(EDENIED, 1, "permission denied")                    \
    X(ESTATE, 1, "not possible in the present state")     \
    X(EBUSY, 1, "in use by another process")              \
    X(ELEASE, 1, "another runner has taken over the run") \
    X(EIO, 1, "input or output failed")                   \
    X(EFULL, 1, "the disk is full")                       \
    X(ECORRUPT, 1, "damaged data")                        \
    X(ESTORE, 1, "the store failed")                      \
    X(ECONNECT, 1, "no connection")                       \
    X(EPROTOCOL, 1, "the other side broke the protocol")  \
    X(EREFUSED, 1, "the other side refused")              \
    X(ETIMEOUT, 1, "timed out")                           \
    X(ECANCELLED, 1, "cancelled")                         \
    X(EMISSING, 1, "a value is missing")                  \
    X(ECHILD, 1, "a child process failed")

/** The codes: RBK_OK is 0, then RBK_ENOMEM and so on; functions return their negative. */
enum rbk_err {
    RBK_OK = 0,
#define RBK_ERROR_ENUM(NAME, STATUS, TEXT) RBK_##NAME,
    RBK_ERRORS(RBK_ERROR_ENUM)
#undef RBK_ERROR_ENUM
        RBK_ERR_COUNT
};

/** A failure, for a person. The caller's memory; written on failure only. */
struct rbk_error {
    enum rbk_err code; /**< RBK_OK while nothing has failed. */
    int system;        /**< errno, or the library's own code; 0 when there is none. */
    char text[512];    /**< One line, lower-case start, no final stop; cut when too long. */
    char place[256];   /**< "file:line:column" of the plan or the input, or "". */
};

/**
 * Describes a failure and returns -code, for `return rbk_error_set(…)`.
 * @reterr  May be NULL: then nothing is written. Its old content is replaced, system and place too.
 */
RBK_PRINTF(3, 4)
int rbk_error_set(struct rbk_error *reterr, enum rbk_err code, const char *format, ...);

/** Like rbk_error_set(), with a system code (errno); its text is appended after ": ". */
RBK_PRINTF(4, 5)
int rbk_error_set_system(struct rbk_error *reterr, enum rbk_err code, int system,
                         const char *format, ...);

/** Notes the place of a failure already set; reterr may be NULL. */
RBK_PRINTF(2, 3)
void rbk_error_set_place(struct rbk_error *reterr, const char *format, ...);

/** The code's name ("ENOMEM") and text. `error` may be positive or negative; never NULL. */
const char *rbk_error_name(int error);
const char *rbk_error_text(int error);

/** The exit status of a command that ends with this code, positive or negative; 0 for RBK_OK. */
int rbk_error_exit_status(int error);

#endif
