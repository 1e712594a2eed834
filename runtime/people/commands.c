/*
 * The table of commands.
 */
#include "runtime/people/commands.h"

#define STORE RBK_TAKES(STORE)
#define ASKS (RBK_TAKES(STORE) | RBK_TAKES(NO_WAIT) | RBK_TAKES(REASON))
#define SHOWS (RBK_TAKES(STORE) | RBK_TAKES(JSON) | RBK_TAKES(PLAIN) | RBK_TAKES(NO_WAIT))

const struct rbk_subcommand rbk_subcommands[] = {
    {"run", "PLAN", "carry out a plan (.rbk) or a machine (.rbkm)",
     SHOWS | RBK_TAKES(SET) | RBK_TAKES(PARAMS) | RBK_TAKES(DIRECTORY) | RBK_TAKES(UNREHEARSED) |
         RBK_TAKES(URL) | RBK_TAKES(ARM_ONLY),
     1, 1, rbk_subcommand_run},
    {"resume", "[RUN]", "go on with a run after a crash, a pause or a reboot", SHOWS, 0, 1,
     rbk_subcommand_resume},
    {"status", "[RUN]", "where a run stands, what it waits for and what to do",
     STORE | RBK_TAKES(JSON), 0, 1, rbk_subcommand_status},
    {"log", "[RUN]", "what happened, in order", STORE | RBK_TAKES(JSON) | RBK_TAKES(FOLLOW), 0, 1,
     rbk_subcommand_log},
    {"report", "[RUN]", "a run from its first to its last event, for a review or a post-mortem",
     STORE | RBK_TAKES(FORMAT) | RBK_TAKES(OUTPUT), 0, 1, rbk_subcommand_report},
    {"runs", "", "all runs of the store, the newest first", STORE | RBK_TAKES(JSON), 0, 0,
     rbk_subcommand_runs},
    {"approve", "RUN [QUESTION]", "say yes to a question", ASKS, 1, 2, rbk_subcommand_approve},
    {"deny", "RUN [QUESTION]", "say no to a question", ASKS, 1, 2, rbk_subcommand_deny},
    {"attest", "RUN [QUESTION]", "state that what a question asks is so", ASKS, 1, 2,
     rbk_subcommand_attest},
    {"answer", "RUN [QUESTION] ANSWER",
     "answer yes, no, done, not-done, abort, rollback, pause, ignore, continue or cancel", ASKS, 2,
     3, rbk_subcommand_answer},
    {"pause", "RUN", "start nothing new after the step under way", ASKS, 1, 1,
     rbk_subcommand_pause},
    {"continue", "RUN", "let a paused run go on", ASKS, 1, 1, rbk_subcommand_continue},
    {"abort", "RUN", "roll back everything that stands applied", ASKS, 1, 1, rbk_subcommand_abort},
    {"cancel", "RUN", "end a run while nothing stands applied", ASKS, 1, 1, rbk_subcommand_cancel},
    {"retry", "RUN [STAGE]", "try a held or stuck stage again", ASKS, 1, 2, rbk_subcommand_retry},
    {"resolve", "RUN STEP|STAGE done|not-done",
     "say whether a step in doubt happened, or that a stuck stage was taken back by hand", ASKS, 3,
     3, rbk_subcommand_resolve},
    {"resend", "RUN [MESSAGE]",
     "send a message that was refused and set aside again, or all of them",
     STORE | RBK_TAKES(NO_WAIT), 1, 2, rbk_subcommand_resend},
    {"signal", "RUN NAME", "give a signal that the plan waits for (`abort on signal NAME`)", ASKS,
     2, 2, rbk_subcommand_signal},
    {"alert", "RUN NAME firing|resolved", "set an alert that a probe of the plan reads",
     ASKS | RBK_TAKES(LABEL), 3, 3, rbk_subcommand_alert},
    {"serve", "", "answer over HTTP: runs, questions, events, alerts and metrics",
     STORE | RBK_TAKES(LISTEN) | RBK_TAKES(TLS_CERT) | RBK_TAKES(TLS_KEY) |
         RBK_TAKES(BEHIND_PROXY) | RBK_TAKES(HOST) | RBK_TAKES(OPENAPI),
     0, 0, rbk_subcommand_serve},
    {"token", "create|list|revoke [ID]", "who may speak to rbk serve, and as whom",
     STORE | RBK_TAKES(PERSON) | RBK_TAKES(ROLE) | RBK_TAKES(EXPIRES) | RBK_TAKES(READ_ONLY) |
         RBK_TAKES(ALERTS_ONLY) | RBK_TAKES(JSON),
     1, 2, rbk_subcommand_token},
};
const size_t rbk_subcommand_count = RBK_COUNT(rbk_subcommands);
