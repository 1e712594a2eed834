/*
 * The operating system's user, by the real user id: under sudo that is root, as the processes that
 * the run starts are.
 */
#include "runtime/people/user.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void rbk_user_name(char out[RBK_USER_BYTES])
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    uid_t uid = getuid();

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL &&
        found->pw_name[0] != '\0' && strlen(found->pw_name) < RBK_USER_BYTES) {
        (void)snprintf(out, RBK_USER_BYTES, "%s", found->pw_name);
    } else {
        (void)snprintf(out, RBK_USER_BYTES, "uid %lu", (unsigned long)uid);
    }
}
