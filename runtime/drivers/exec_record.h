/*
 * What the supervisor leaves on disk in the run's directory:
 *
 *   SERIAL.exit    how a command ended, written when no runner was there to be told; durable
 *   supervisor.id  which process the supervisor is or was, and how much its silence proves
 *
 * Both are written under another name and renamed, so that a reader sees a whole file or none; both
 * are judged as hostile when read: cut, foreign or damaged ones are refused.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_RECORD_H
#define RBK_RUNTIME_DRIVERS_EXEC_RECORD_H

#include "runtime/drivers/exec_protocol.h"

/**
 * Writes an exit record durably: temporary file, fsync, rename, fsync of the directory.
 * @directory  Of the run.
 * @ended      `out` and `err` are not kept.
 * @return 0, or -RBK_EIO, -RBK_EFULL, -RBK_ENOMEM: then there is no record, or an older one.
 */
RBK_MUST_USE int rbk_exec_record_write(int directory, const char *run,
                                       const struct rbk_exec_ended *ended);

/**
 * Reads the exit record of exactly this attempt, written in this boot.
 * @memory     Empty; afterwards holds what the texts of *ret_ended point into.
 * @ret_ended  Also names its serial, attempt and key, which are the ones asked for.
 * @return 0; -RBK_ENOTFOUND when there is none; -RBK_ECORRUPT when it is cut, damaged, or of
 *         another run, attempt, key or boot; -RBK_EIO.
 */
RBK_MUST_USE int rbk_exec_record_read(int directory, const char *run, const char *boot,
                                      const struct rbk_exec_name *name, struct rbk_buffer *memory,
                                      struct rbk_exec_ended *ret_ended);

/** Removes the exit record of a serial; there may be none. */
void rbk_exec_record_remove(int directory, uint32_t serial);

/** What supervisor.id says. */
enum rbk_supervisor_state {
    RBK_SUPERVISOR_NONE,    /**< No command was ever given to one in this run and boot. */
    RBK_SUPERVISOR_SERVING, /**< One runs, or was killed. */
    RBK_SUPERVISOR_ENDED,   /**< The last one ended of its own accord, everything is on disk. */
    RBK_SUPERVISOR_STATE_COUNT
};

/** supervisor.id. */
struct rbk_supervisor_id {
    enum rbk_supervisor_state state;
    struct rbk_process_id process; /**< pid 0 with RBK_SUPERVISOR_NONE; the boot counts always. */
    uint32_t serial_min; /**< A serial from here on that is neither known nor on disk was never
                              started; UINT32_MAX: nothing of the kind can be said. */
};

/** Writes supervisor.id; not durable, since it means nothing after a reboot. 0, -RBK_EIO,
 * -RBK_EFULL. */
RBK_MUST_USE int rbk_supervisor_id_write(int directory, const char *run,
                                         const struct rbk_supervisor_id *id);

/** Removes it; 0 also when there was none, or -RBK_EIO. */
RBK_MUST_USE int rbk_supervisor_id_remove(int directory);

/** Reads it: 0; -RBK_ENOTFOUND; -RBK_ECORRUPT also when of another run; -RBK_EIO. */
RBK_MUST_USE int rbk_supervisor_id_read(int directory, const char *run,
                                        struct rbk_supervisor_id *ret_id);

#endif
