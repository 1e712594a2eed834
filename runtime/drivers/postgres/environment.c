/* libpq itself says which option of an address has which variable. */
#include "runtime/drivers/postgres/environment.h"

#include <libpq-fe.h>

int rbk_postgres_environment(struct rbk_str address, struct rbk_arena *arena,
                             struct rbk_pair *pairs, size_t *count, struct rbk_error *reterr)
{
    struct rbk_str text = rbk_arena_copy(arena, address);
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(text.data, &message);
    size_t added = 0;

    PQfreemem(message);
    if (options == NULL) {
        return rbk_error_set(reterr, RBK_EINVALID,
                             "the address of a PostgreSQL connection cannot be read: write a "
                             "postgresql:// URL or key=value words");
    }
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val == NULL || option->envvar == NULL ||
            added == RBK_CONNECTION_ENVIRONMENT_MAX) {
            continue;
        }
        pairs[*count] = (struct rbk_pair){rbk_arena_copy(arena, rbk_str_from(option->envvar)),
                                          rbk_arena_copy(arena, rbk_str_from(option->val))};
        ++*count;
        added++;
    }
    PQconninfoFree(options);
    return 0;
}
