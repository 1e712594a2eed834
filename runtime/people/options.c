/*
 * Options by popt. Every option has its place in the table as popt's `val`, so that popt stores
 * nothing itself and one loop takes the values.
 */
#include "runtime/people/options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"
#include "runtime/people/commands.h"

#define VAL_HELP 1000
#define VAL_FIRST 1

/* One option of ours. */
struct row {
    const char *name;
    char letter;
    const char *value;
    const char *help;
};

#define X(constant, long_name, letter, value, help) {long_name, letter, value, help},
static const struct row rows[] = {RBK_OPTIONS(X)};
#undef X

bool rbk_option_wants_next(const char *argument)
{
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (rows[i].value == NULL) {
            continue;
        }
        if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, rows[i].name) == 0) {
            return true;
        }
        if (rows[i].letter != 0 && argument[0] == '-' && argument[1] == rows[i].letter &&
            argument[2] == '\0') {
            return true;
        }
    }
    return false;
}

/* What an option means to a command. Only those that drive a run have --plain. */
static const char *help_of(const struct rbk_subcommand *command, size_t option)
{
    if (option == RBK_OPTION_NO_WAIT && (command->options & 1u << RBK_OPTION_PLAIN) == 0) {
        return "do not wait for the runner's reply";
    }
    return rows[option].help;
}

/* popt's table for one command; the last row is empty. */
static void fill_table(const struct rbk_subcommand *command,
                       struct poptOption table[RBK_OPTION_COUNT + 2])
{
    size_t count = 0;
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if ((command->options & 1u << i) != 0) {
            table[count++] = (struct poptOption){
                rows[i].name,
                rows[i].letter,
                rows[i].value != NULL ? POPT_ARG_STRING : POPT_ARG_NONE,
                NULL,
                VAL_FIRST + (int)i,
                help_of(command, i),
                rows[i].value,
            };
        }
    }
    table[count++] =
        (struct poptOption){"help", 'h', POPT_ARG_NONE, NULL, VAL_HELP, "show this text", NULL};
    table[count] = (struct poptOption){NULL, '\0', 0, NULL, 0, NULL, NULL};
}

/* Append a copy of `text` to a list that ends in NULL. @return 0 or -RBK_ENOMEM. */
static int list_add(char ***list, size_t *count, const char *text)
{
    char **grown = realloc(*list, (*count + 2) * sizeof(**list));
    if (grown == NULL) {
        return -RBK_ENOMEM;
    }
    *list = grown;
    grown[*count] = strdup(text);
    if (grown[*count] == NULL) {
        return -RBK_ENOMEM;
    }
    grown[++*count] = NULL;
    return 0;
}

static int take_option(poptContext context, int val, struct rbk_options *options)
{
    size_t index = (size_t)(val - VAL_FIRST);
    int error = 0;
    options->given[index] = true;
    if (rows[index].value != NULL) {
        char *value = poptGetOptArg(context);
        if (value == NULL) {
            return -RBK_ENOMEM;
        }
        if (index == RBK_OPTION_SET || index == RBK_OPTION_LABEL || index == RBK_OPTION_HOST ||
            index == RBK_OPTION_ROLE) {
            error = list_add(&options->sets, &options->set_count, value);
            free(value);
        } else {
            free(options->values[index]);
            options->values[index] = value;
        }
    }
    return error;
}

static int check_words(const struct rbk_subcommand *command, const struct rbk_options *options)
{
    if (options->word_count >= command->words_min && options->word_count <= command->words_max) {
        return 0;
    }
    if (options->word_count < command->words_min) {
        (void)fprintf(stderr, "rbk %s: something is missing: rbk %s %s%s\n", command->name,
                      command->name, command->words,
                      strncmp(command->words, "RUN ", 4) == 0 || strcmp(command->words, "RUN") == 0
                          ? "; `rbk runs` lists the runs"
                          : "");
    } else {
        (void)fprintf(stderr, "rbk %s: \"%s\" is one word too many: rbk %s%s%s\n", command->name,
                      options->words[command->words_max], command->name,
                      command->words[0] != '\0' ? " " : "", command->words);
    }
    return -RBK_EUSAGE;
}

static void print_help(const struct rbk_subcommand *command, poptContext context)
{
    (void)printf("rbk %s: %s\n\n", command->name, command->summary);
    (void)fflush(stdout);
    poptPrintHelp(context, stdout, 0);
}

int rbk_options_read(const struct rbk_subcommand *command, int argc, char *const *argv,
                     struct rbk_options *ret_options)
{
    struct poptOption table[RBK_OPTION_COUNT + 2];
    const char **arguments = calloc((size_t)argc + 2, sizeof(*arguments));
    char program[64];
    poptContext context = NULL;
    int val, error = 0;

    memset(ret_options, 0, sizeof(*ret_options));
    ret_options->command = command->name;
    if (arguments == NULL) {
        return -RBK_ENOMEM;
    }
    (void)snprintf(program, sizeof(program), "rbk %s", command->name);
    arguments[0] = program;
    for (int i = 0; i < argc; i++) {
        arguments[i + 1] = argv[i];
    }
    fill_table(command, table);
    context = poptGetContext(NULL, argc + 1, arguments, table, 0);
    if (context == NULL) {
        free(arguments);
        return -RBK_ENOMEM;
    }
    poptSetOtherOptionHelp(context, command->words);
    while ((val = poptGetNextOpt(context)) > 0 && error == 0) {
        if (val == VAL_HELP) {
            print_help(command, context);
            error = 1;
        } else {
            error = take_option(context, val, ret_options);
        }
    }
    if (error == 0 && val < -1) {
        (void)fprintf(stderr, "rbk %s: %s: %s; see rbk %s --help\n", command->name,
                      poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(val),
                      command->name);
        error = -RBK_EUSAGE;
    }
    const char **rest = error == 0 ? poptGetArgs(context) : NULL;
    for (size_t i = 0; error == 0 && rest != NULL && rest[i] != NULL; i++) {
        error = list_add(&ret_options->words, &ret_options->word_count, rest[i]);
    }
    if (error == 0) {
        error = check_words(command, ret_options);
    }
    poptFreeContext(context);
    free(arguments);
    return error;
}

static void free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i]);
    }
    free(list);
}

void rbk_options_fini(struct rbk_options *options)
{
    free_list(options->sets, options->set_count);
    free_list(options->words, options->word_count);
    for (size_t i = 0; i < RBK_OPTION_COUNT; i++) {
        free(options->values[i]);
    }
    memset(options, 0, sizeof(*options));
}

const char *rbk_options_store(const struct rbk_options *options)
{
    const char *from_environment = getenv("RBK_STORE");
    if (options->values[RBK_OPTION_STORE] != NULL) {
        return options->values[RBK_OPTION_STORE];
    }
    return from_environment != NULL && from_environment[0] != '\0' ? from_environment : NULL;
}
