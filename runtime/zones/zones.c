/*
 * Tables are read whole, up to a size that no real one comes near; a name that could lead out of
 * their folder is no name.
 */
#include "runtime/zones/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER "/usr/share/zoneinfo"
#define PATH_BYTES 4096
#define TABLE_BYTES_MAX ((size_t)1 << 18)

static const char *folder(void)
{
    const char *chosen = getenv("TZDIR");
    return chosen != NULL && chosen[0] == '/' ? chosen : FOLDER;
}

/* "UTC" is in every set of tables. */
static bool has_tables(void)
{
    char path[PATH_BYTES];
    struct stat status;
    int bytes = snprintf(path, sizeof(path), "%s/UTC", folder());
    return bytes > 0 && (size_t)bytes < sizeof(path) && stat(path, &status) == 0;
}

/* Files beside the tables that stand for what this host has chosen: another host has another. */
static bool is_choice_of_host(struct rbk_str name)
{
    return rbk_str_is(name, "localtime") || rbk_str_is(name, "posixrules");
}

enum rbk_zone_found rbk_zones_find(struct rbk_arena *arena, struct rbk_str name,
                                   const struct rbk_zone **ret_zone)
{
    const struct rbk_zone *zone = rbk_zone_of_offset(arena, name);
    char path[PATH_BYTES];
    struct stat status;
    if (zone != NULL) {
        *ret_zone = zone;
        return RBK_ZONE_FOUND;
    }
    if (!rbk_zone_name_valid(name) || is_choice_of_host(name)) {
        return RBK_ZONE_UNKNOWN;
    }
    int bytes = snprintf(path, sizeof(path), "%s/%.*s", folder(), RBK_STR_ARG(name));
    FILE *file = bytes > 0 && (size_t)bytes < sizeof(path) && stat(path, &status) == 0 &&
                         S_ISREG(status.st_mode)
                     ? fopen(path, "rbe")
                     : NULL;
    if (file == NULL) {
        return has_tables() ? RBK_ZONE_UNKNOWN : RBK_ZONE_NO_TABLES;
    }
    /* One byte more than it has: a table that has grown meanwhile shows. */
    size_t room =
        status.st_size < (off_t)TABLE_BYTES_MAX ? (size_t)status.st_size + 1 : TABLE_BYTES_MAX;
    char *table = rbk_arena_alloc(arena, room, 1);
    size_t table_bytes = fread(table, 1, room, file);
    (void)fclose(file);
    zone = table_bytes < room ? rbk_zone_read(arena, (struct rbk_str){table, table_bytes}) : NULL;
    if (zone == NULL) {
        return RBK_ZONE_DAMAGED;
    }
    *ret_zone = zone;
    return RBK_ZONE_FOUND;
}

const char *rbk_zones_why(enum rbk_zone_found found)
{
    switch (found) {
    case RBK_ZONE_UNKNOWN:
        return "there is no time zone of this name";
    case RBK_ZONE_DAMAGED:
        return "its table cannot be read";
    case RBK_ZONE_NO_TABLES:
        return "this host has no tables of time zones (the package tzdata)";
    case RBK_ZONE_FOUND:
        break;
    }
    return "it was found";
}
