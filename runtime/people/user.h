#ifndef RBK_RUNTIME_PEOPLE_USER_H
#define RBK_RUNTIME_PEOPLE_USER_H

/*
 * Who sits at the keyboard: the operating system's user of this process. Never an argument, never
 * an environment variable, because approvals are bound to it.
 */

/* Room for a name and its NUL. */
#define RBK_USER_BYTES 128

/* The name of the real user id; "uid 1234" where the system has no name for it. */
void rbk_user_name(char out[RBK_USER_BYTES]);

#endif
