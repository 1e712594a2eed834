/*
 * Taking a plan out of git.
 *
 * The files a plan needs are found by parsing what has been fetched: `use` gives modules beside the
 * plan, `file "…"` gives SQL beside the file that names it. Each is fetched once, and stands under
 * the directory where it stands under the root of the repository.
 */
#include "compiler/review/history.h"

#include "compiler/diagnostic.h"
#include "compiler/name.h"
#include "compiler/parse.h"
#include "compiler/program.h"
#include "compiler/write_file.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Files of one plan; more are no plan that somebody reviews. */
#define FILES_MAX 2000u

/* A fetch under way. */
struct fetch {
    struct rbk_arena *arena;
    struct rbk_names names;
    const char *git_directory; /* Where git is asked: that of the plan now. */
    struct rbk_str commit;     /* Its number, in hexadecimal. */
    struct rbk_str prefix;     /* The plan's directory from the root, with a slash; or empty. */
    struct rbk_str directory;  /* Where files are written. */
    struct rbk_map files;      /* Paths from the root, in the order found. */
};

/* ---- git ------------------------------------------------------------------------------------- */

/* All of a memory file, at most @bytes_max bytes. @return NULL when it is longer or unreadable. */
static const char *read_memory(struct rbk_arena *arena, int fd, size_t bytes_max,
                               struct rbk_str *ret_text)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || (uint64_t)status.st_size > bytes_max) {
        return NULL;
    }
    size_t bytes = (size_t)status.st_size;
    char *text = rbk_arena_alloc(arena, bytes + 1, 1);
    size_t at = 0;
    while (at < bytes) {
        ssize_t got = pread(fd, text + at, bytes - at, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return NULL;
        }
        at += (size_t)got;
    }
    *ret_text = (struct rbk_str){text, bytes};
    return text;
}

static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Our environment, and before it that git asks nobody else: a repository may name a server, or a
 * command to be run as one, where objects that are missing come from. */
static char **git_environment(const struct fetch *fetch)
{
    static const char *const alone[] = {"GIT_ALLOW_PROTOCOL=", "GIT_NO_LAZY_FETCH=1"};
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    const char **variables =
        rbk_new_array(fetch->arena, const char *, RBK_COUNT(alone) + count + 1);
    memcpy(variables, alone, sizeof(alone));
    memcpy(variables + RBK_COUNT(alone), environ, count * sizeof(environ[0]));
    return (char **)(uintptr_t)variables;
}

/* Spawn git with its output going to a memory file. @return its exit status, or -1 with errno. */
static int spawn_git(const struct fetch *fetch, const char *const *arguments, int out)
{
    const char *line[16] = {"git",
                            "-C",
                            fetch->git_directory,
                            "--no-pager",
                            "--no-optional-locks",
                            "-c",
                            "core.fsmonitor=false"};
    size_t count = 7;
    for (size_t i = 0; arguments[i] != NULL && count + 1 < RBK_COUNT(line); i++) {
        line[count++] = arguments[i];
    }
    line[count] = NULL;
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed =
        posix_spawnp(&child, "git", &actions, NULL, (char *const *)line, git_environment(fetch));
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        errno = failed;
        return -1;
    }
    errno = 0;
    return wait_for(child);
}

/* Run git and keep what it prints. @return 0; -RBK_ENOTFOUND when git says no; -RBK_EIO. */
static int run_git(const struct fetch *fetch, const char *const *arguments, size_t bytes_max,
                   struct rbk_str *ret_text, struct rbk_error *reterr)
{
    int out = memfd_create("rbkc-git", MFD_CLOEXEC);
    if (out < 0) {
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot keep what git prints");
    }
    int status = spawn_git(fetch, arguments, out);
    int result = 0;
    if (status < 0) {
        result = rbk_error_set_system(reterr, RBK_EIO, errno, "cannot run git");
    } else if (status > 0) {
        result = rbk_error_set(reterr, RBK_ENOTFOUND, "git has no such thing");
    } else if (read_memory(fetch->arena, out, bytes_max, ret_text) == NULL) {
        result = rbk_error_set(reterr, RBK_EIO, "git printed too much");
    }
    close(out);
    return result;
}

static bool is_hexadecimal(struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        bool digit = (text.data[i] >= '0' && text.data[i] <= '9') ||
                     (text.data[i] >= 'a' && text.data[i] <= 'f');
        if (!digit) {
            return false;
        }
    }
    return text.bytes >= 40;
}

/* Find the commit's number and where the plan stands under the root. */
static int resolve(struct fetch *fetch, const char *revision, struct rbk_error *reterr)
{
    struct rbk_str text = RBK_STR("");
    struct rbk_str name = rbk_arena_printf(fetch->arena, "%s^{commit}", revision);
    const char *const prefix[] = {"rev-parse", "--show-prefix", NULL};
    const char *const commit[] = {"rev-parse", "--quiet", "--verify", name.data, NULL};
    int result = run_git(fetch, prefix, RBK_PATH_BYTES_MAX, &text, reterr);
    if (result == -RBK_ENOTFOUND) {
        return rbk_error_set(reterr, RBK_ENOTFOUND,
                             "there is no file %s, and the plan is not in a repository of git that "
                             "may be read",
                             revision);
    }
    if (result != 0) {
        return result;
    }
    size_t bytes =
        text.bytes > 0 && text.data[text.bytes - 1] == '\n' ? text.bytes - 1 : text.bytes;
    fetch->prefix = rbk_arena_copy(fetch->arena, rbk_str_slice(text, 0, bytes));
    /* What begins with `-` would be an option; git lets no revision be called so. */
    result = revision[0] == '-' ? -RBK_ENOTFOUND : run_git(fetch, commit, 1024, &text, reterr);
    if (result == -RBK_ENOTFOUND || (result == 0 && !is_hexadecimal(rbk_str_trim(text)))) {
        return rbk_error_set(reterr, RBK_ENOTFOUND,
                             "neither a file nor a revision of git is called %s", revision);
    }
    if (result == 0) {
        fetch->commit = rbk_arena_copy(fetch->arena, rbk_str_trim(text));
    }
    return result;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A path from the root without `.` and `..`; empty when it leads out of it. */
static struct rbk_str normal_path(struct rbk_arena *arena, struct rbk_str path)
{
    char *out = rbk_arena_alloc(arena, path.bytes + 2, 1);
    size_t bytes = 0;
    while (path.bytes > 0) {
        size_t end = rbk_str_find(path, '/');
        struct rbk_str part = rbk_str_slice(path, 0, end);
        path = rbk_str_slice(path, end + 1, path.bytes);
        if (part.bytes == 0 || rbk_str_is(part, ".")) {
            continue;
        }
        if (rbk_str_is(part, "..")) {
            if (bytes == 0) {
                return RBK_STR("");
            }
            while (bytes > 0 && out[bytes - 1] != '/') {
                bytes--;
            }
            bytes -= bytes > 0 ? 1 : 0;
            continue;
        }
        if (bytes > 0) {
            out[bytes++] = '/';
        }
        memcpy(out + bytes, part.data, part.bytes);
        bytes += part.bytes;
    }
    out[bytes] = '\0';
    return (struct rbk_str){out, bytes};
}

/* Remember a file to be fetched; @from  the path of what names it, or a directory with a slash. */
static void want(struct fetch *fetch, struct rbk_str from, struct rbk_str name)
{
    size_t slash = from.bytes;
    while (slash > 0 && from.data[slash - 1] != '/') {
        slash--;
    }
    if (name.bytes == 0 || name.data[0] == '/' || rbk_str_find(name, '\0') < name.bytes ||
        from.bytes + name.bytes >= RBK_PATH_BYTES_MAX) {
        return;
    }
    struct rbk_str path =
        normal_path(fetch->arena, rbk_arena_printf(fetch->arena, "%.*s%.*s", (int)slash, from.data,
                                                   RBK_STR_ARG(name)));
    if (path.bytes > 0 && fetch->files.count < FILES_MAX) {
        (void)!rbk_map_add(&fetch->files, path, NULL);
    }
}

/* The files that an expression names. Depth is bounded by the parser. */
static void want_in_expr(struct fetch *fetch, struct rbk_str from, const struct rbk_tree_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    want_in_expr(fetch, from, expr->left);
    if (expr->kind == RBK_EXPR_FILE && expr->left->kind == RBK_EXPR_STRING &&
        !expr->left->has_parts) {
        want(fetch, from, expr->left->text);
    } else if (expr->kind == RBK_EXPR_BINARY) {
        want_in_expr(fetch, from, expr->right);
    } else if (expr->kind == RBK_EXPR_CALL) {
        for (const struct rbk_tree_argument *a = expr->arguments; a != NULL; a = a->next) {
            want_in_expr(fetch, from, a->value);
        }
    } else if (expr->kind == RBK_EXPR_LIST || (expr->kind == RBK_EXPR_STRING && expr->has_parts)) {
        const struct rbk_tree_expr *item = expr->kind == RBK_EXPR_LIST ? expr->items : expr->parts;
        for (; item != NULL; item = item->next) {
            want_in_expr(fetch, from, item);
        }
    }
}

/* The module of a `use`, beside the plan; those of the standard library are not fetched. */
static void want_module(struct fetch *fetch, const struct rbk_tree_statement *use)
{
    struct rbk_str path = RBK_STR("");
    if (use->names == NULL ||
        (rbk_str_is(use->names->name->text, "std") && use->names->next != NULL)) {
        return;
    }
    for (const struct rbk_tree_name *name = use->names; name != NULL; name = name->next) {
        path = rbk_arena_printf(fetch->arena, "%.*s%s%.*s", RBK_STR_ARG(path),
                                path.bytes > 0 ? "/" : "", RBK_STR_ARG(name->name->text));
    }
    want(fetch, fetch->prefix, rbk_arena_printf(fetch->arena, "%.*s.rbk", RBK_STR_ARG(path)));
}

/* Look into a fetched plan or module for what it needs. */
static void want_what_it_needs(struct fetch *fetch, struct rbk_str path, struct rbk_str text)
{
    struct rbk_diagnostics ignored;
    rbk_diagnostics_init(&ignored, fetch->arena);
    const struct rbk_tree_file *tree = rbk_parse_source(
        fetch->arena, &fetch->names, rbk_source_from_text(fetch->arena, path, text), &ignored);
    for (struct rbk_tree_statement *root = tree->block.first; root != NULL; root = root->next) {
        for (struct rbk_tree_statement *s = root; s != NULL; s = rbk_statement_next(root, s)) {
            if (s->kind == RBK_STATEMENT_USE) {
                want_module(fetch, s);
            }
            want_in_expr(fetch, path, s->value);
            for (const struct rbk_tree_clause *c = s->clauses; c != NULL; c = c->next) {
                want_in_expr(fetch, path, c->value);
            }
        }
    }
}

/* Write a fetched file. Everything under the directory is ours, so nothing there is a link. */
static int write_below(const struct fetch *fetch, struct rbk_str path, struct rbk_str text)
{
    struct rbk_str target = rbk_arena_printf(fetch->arena, "%.*s/%.*s",
                                             RBK_STR_ARG(fetch->directory), RBK_STR_ARG(path));
    char *at = (char *)(uintptr_t)target.data;
    for (size_t i = fetch->directory.bytes + 1; i < target.bytes; i++) {
        if (at[i] == '/') {
            at[i] = '\0';
            (void)mkdir(at, 0700); /* one that fails makes open() fail */
            at[i] = '/';
        }
    }
    int fd = open(target.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -1;
    }
    int result = rbk_write_all(fd, text);
    return close(fd) == 0 ? result : -1;
}

/* Fetch one file of the revision. */
static int fetch_file(struct fetch *fetch, struct rbk_str path, struct rbk_error *reterr)
{
    struct rbk_str text = RBK_STR("");
    struct rbk_str name =
        rbk_arena_printf(fetch->arena, "%.*s:%.*s", RBK_STR_ARG(fetch->commit), RBK_STR_ARG(path));
    const char *const size[] = {"cat-file", "-s", name.data, NULL};
    const char *const blob[] = {"cat-file", "blob", name.data, NULL};
    const char *const number[] = {"rev-parse", "--quiet", "--verify", name.data, NULL};
    int result = run_git(fetch, size, 64, &text, reterr);
    if (result == -RBK_ENOTFOUND && run_git(fetch, number, 1024, &text, reterr) == 0) {
        return rbk_error_set(reterr, RBK_EIO,
                             "git knows %.*s of that revision, but has not fetched it; fetch "
                             "without --filter",
                             RBK_STR_ARG(path));
    }
    if (result == 0 && strtoull(text.data, NULL, 10) > RBK_SOURCE_BYTES_MAX) {
        return rbk_error_set(reterr, RBK_ENOTFOUND, "%.*s is too large", RBK_STR_ARG(path));
    }
    if (result == 0) {
        result = run_git(fetch, blob, RBK_SOURCE_BYTES_MAX, &text, reterr);
    }
    if (result != 0) {
        return result;
    }
    if (write_below(fetch, path, text) != 0) {
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot write a copy of %.*s",
                                    RBK_STR_ARG(path));
    }
    if (rbk_str_ends(path, RBK_STR(".rbk"))) {
        want_what_it_needs(fetch, path, text);
    }
    return 0;
}

/* ---- a plan that has moved ------------------------------------------------------------------- */

/* The text before the next NUL; *at moves behind it. */
static struct rbk_str next_field(struct rbk_str text, size_t *at)
{
    struct rbk_str rest = rbk_str_slice(text, *at, text.bytes);
    struct rbk_str field = rbk_str_slice(rest, 0, rbk_str_find(rest, '\0'));
    *at += field.bytes + 1;
    return field;
}

/* The path a file had in the revision, if a commit since then has moved it here; else empty. Trees
 * are compared, never the files of the checkout: filters that a repository names do not run. */
static struct rbk_str path_before(struct fetch *fetch, struct rbk_str path)
{
    struct rbk_str text = RBK_STR("");
    const char *const moved[] = {"diff-tree",        "-r",   "-z", "-M", "--diff-filter=R",
                                 fetch->commit.data, "HEAD", NULL};
    if (run_git(fetch, moved, RBK_SOURCE_BYTES_MAX, &text, &(struct rbk_error){0}) != 0) {
        return RBK_STR("");
    }
    /* ":modes numbers R95" NUL the old path NUL the new path NUL, and so on. */
    for (size_t at = 0; at < text.bytes;) {
        (void)next_field(text, &at);
        struct rbk_str before = next_field(text, &at);
        if (rbk_str_equal(next_field(text, &at), path)) {
            return rbk_arena_copy(fetch->arena, before);
        }
    }
    return RBK_STR("");
}

/* Whether the revision has the plan under the path of today, or else under one it was moved from:
 * then the modules beside that one count. */
static void find_plan(struct fetch *fetch, struct rbk_str base)
{
    struct rbk_str text = RBK_STR(""), before;
    struct rbk_str path =
        rbk_arena_printf(fetch->arena, "%.*s%.*s", RBK_STR_ARG(fetch->prefix), RBK_STR_ARG(base));
    struct rbk_str name =
        rbk_arena_printf(fetch->arena, "%.*s:%.*s", RBK_STR_ARG(fetch->commit), RBK_STR_ARG(path));
    const char *const size[] = {"cat-file", "-s", name.data, NULL};
    const char *const number[] = {"rev-parse", "--quiet", "--verify", name.data, NULL};
    struct rbk_error ignored;

    if (run_git(fetch, size, 64, &text, &ignored) != 0 &&
        run_git(fetch, number, 1024, &text, &ignored) != 0 &&
        (before = path_before(fetch, path)).bytes != 0) {
        size_t slash = before.bytes;
        while (slash > 0 && before.data[slash - 1] != '/') {
            slash--;
        }
        fetch->prefix = rbk_str_slice(before, 0, slash);
        base = rbk_str_slice(before, slash, before.bytes);
    }
    want(fetch, fetch->prefix, base);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int make_directory(struct rbk_arena *arena, struct rbk_str *ret_path,
                          struct rbk_error *reterr)
{
    const char *temporary = getenv("TMPDIR");
    struct rbk_str path = rbk_arena_printf(
        arena, "%s/rbkc-XXXXXX", temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    if (mkdtemp((char *)(uintptr_t)path.data) == NULL) {
        return rbk_error_set_system(reterr, RBK_EIO, errno,
                                    "cannot make a directory for the old "
                                    "plan");
    }
    *ret_path = path;
    return 0;
}

int rbk_history_open(struct rbk_arena *arena, const char *revision, const char *plan,
                     struct rbk_history *ret_history, struct rbk_error *reterr)
{
    const char *slash = strrchr(plan, '/');
    struct rbk_str base = rbk_str_from(slash != NULL ? slash + 1 : plan);
    struct rbk_str directory = rbk_arena_printf(
        arena, "%.*s", slash != NULL ? (int)(slash - plan) + 1 : 1, slash != NULL ? plan : ".");
    struct fetch fetch = {.arena = arena, .git_directory = directory.data};
    struct rbk_history history = {.directory = RBK_STR("")};
    rbk_names_init(&fetch.names, arena);
    rbk_map_init(&fetch.files, arena);
    int result = resolve(&fetch, revision, reterr);
    if (result == 0) {
        result = make_directory(arena, &history.directory, reterr);
    }
    if (result != 0) {
        return result;
    }
    fetch.directory = history.directory;
    find_plan(&fetch, base);
    for (size_t i = 0; i < fetch.files.count && result == 0; i++) {
        int one = fetch_file(&fetch, fetch.files.entries[i].key, reterr);
        /* A file that is not there is the compiler's to report, or stands in the standard library.
         */
        result = one == -RBK_ENOTFOUND && i > 0 ? 0 : one;
    }
    if (result == -RBK_ENOTFOUND || fetch.files.count == 0) {
        result = rbk_error_set(reterr, RBK_EMISSING, "%s has no %.*s%.*s", revision,
                               RBK_STR_ARG(fetch.prefix), RBK_STR_ARG(base));
    }
    if (result != 0) {
        rbk_history_close(&history);
        return result;
    }
    history.plan = rbk_arena_printf(arena, "%.*s/%.*s", RBK_STR_ARG(history.directory),
                                    RBK_STR_ARG(fetch.files.entries[0].key));
    *ret_history = history;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void rbk_history_close(struct rbk_history *history)
{
    if (history->directory.bytes > 0) {
        (void)nftw(history->directory.data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    *history = (struct rbk_history){.directory = RBK_STR("")};
}
