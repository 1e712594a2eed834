/*
 * Starting a process: everything that can be prepared is prepared before vfork(), the child only
 * makes system calls. The program is searched along the PATH of the command's own environment.
 *
 * The child inherits: descriptors 0 to 2, the limits and the umask; no signal is blocked or ignored
 * (the supervisor keeps all at their defaults and blocks them, so one sigprocmask() undoes it all).
 * When the supervisor is killed, the kernel kills the command, too: nobody would know of it any
 * more, keep its time or stop it, and the crash rule may begin it again.
 *
 * It reports a failure through its parent's memory, which vfork() shares, and the parent waits
 * until it has executed the program or ended.
 */
#include "runtime/drivers/supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* What the child writes into its parent's memory when it fails. The parent reads it through a
 * volatile pointer: a compiler that knew where it points would take for granted that a function
 * which never returns leaves nothing behind to be read. */
struct report {
    int system;
    enum rbk_exec_start_step step;
};

static const char *search_path(char *const *environment)
{
    for (; *environment; environment++) {
        if (strncmp(*environment, "PATH=", 5) == 0) {
            return *environment + 5;
        }
    }
    return PATH_DEFAULT;
}

/* Every file the name may mean, each ending in NUL, the last followed by an empty one. NULL: no
 * memory. The caller frees it. */
static char *candidates(const char *name, const char *path)
{
    size_t name_bytes = strlen(name);
    size_t parts = 1;
    for (const char *at = path; *at; at++) {
        parts += *at == ':';
    }
    char *list = malloc(strlen(path) + parts * (name_bytes + 3) + 1);
    if (!list) {
        return NULL;
    }
    char *end = list;
    if (strchr(name, '/') || name_bytes == 0) {
        path = NULL;
    }
    do {
        if (path) {
            size_t part = strcspn(path, ":");
            end = mempcpy(end, part ? path : ".", part ? part : 1);
            *end++ = '/';
            path = path[part] ? path + part + 1 : NULL;
        }
        end = mempcpy(end, name, name_bytes + 1);
    } while (path);
    *end = '\0';
    return list;
}

/* Between vfork() and execve(): shares the parent's memory and must not change it. */
static _Noreturn void child(const struct spawn *spawn, const char *files, pid_t supervisor,
                            struct report *report)
{
    sigset_t none;
    int denied = 0;
    report->step = RBK_EXEC_STEP_PREPARE;
    sigemptyset(&none);
    setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        goto failed;
    }
    if (getppid() != supervisor) { /* killed before that */
        _exit(127);
    }
    if (dup2(spawn->output, 1) < 0 || dup2(spawn->errors, 2) < 0) {
        goto failed;
    }
    if (spawn->input != 0 && dup2(spawn->input, 0) < 0) {
        goto failed;
    }
    report->step = RBK_EXEC_STEP_DIRECTORY;
    if (chdir(spawn->directory) != 0) {
        goto failed;
    }
    report->step = RBK_EXEC_STEP_EXEC;
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (const char *file = files; *file; file += strlen(file) + 1) {
        execve(file, spawn->words, spawn->environment);
        if (errno == EACCES) {
            denied = EACCES;
        } else if (errno != ENOENT && errno != ENOTDIR) {
            goto failed;
        }
    }
    errno = denied ? denied : ENOENT;
failed:
    report->system = errno;
    _exit(127);
}

pid_t spawn_run(const struct spawn *spawn, enum rbk_exec_start_step *ret_step, int *ret_system)
{
    struct report memory = {.system = 0, .step = RBK_EXEC_STEP_PREPARE};
    struct report *volatile report = &memory;
    *ret_step = RBK_EXEC_STEP_PREPARE;
    *ret_system = ENOMEM;
    char *files = candidates(spawn->words[0], search_path(spawn->environment));
    if (!files) {
        return -1;
    }
    pid_t supervisor = getpid();
    /* The point of the supervisor is to be small and quick: fork() would copy its page tables. */
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        child(spawn, files, supervisor, report); /* NOLINT(clang-analyzer-unix.Vfork) */
    }
    *ret_system = pid < 0 ? errno : report->system;
    *ret_step = report->step;
    free(files);
    if (pid < 0 || *ret_system == 0) {
        return pid;
    }
    /* It has ended: vfork() returned because of that. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return -1;
}
