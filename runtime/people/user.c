/*
 * The operating system's user, by the real user id: under sudo that is root, as the processes that
 * the run starts are. The name is what the system's own tables say of that id (files, LDAP, …); an
 * entry that is missing, empty, too long, or that the tables cannot give now leaves the id itself:
 * a name nobody has by accident, so that a broken directory opens no gate. Whoever is called like
 * an id ("uid 1234") has the id, too.
 */
#include "runtime/people/user.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A whole entry: directories keep long ones. */
#define ENTRY_BYTES 65536

void rbk_user_name(char out[RBK_USER_BYTES])
{
    struct passwd entry, *found = NULL;
    char buffer[ENTRY_BYTES];
    uid_t uid = getuid();

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL &&
        found->pw_name[0] != '\0' && strlen(found->pw_name) < RBK_USER_BYTES &&
        strncmp(found->pw_name, "uid ", 4) != 0) {
        (void)snprintf(out, RBK_USER_BYTES, "%s", found->pw_name);
    } else {
        (void)snprintf(out, RBK_USER_BYTES, "uid %lu", (unsigned long)uid);
    }
}
