/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/guest.h"

void complain(const char *format, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    text_visible(text);
    (void)fflush(stdout);
    (void)fprintf(stderr, "casemate: %s\n", text);
}

static size_t option_count(const struct verb_usage *usage)
{
    size_t count = 0;

    while (usage->options != NULL && usage->options[count].name != NULL)
        count++;
    return count;
}

static void help(const struct verb_usage *usage)
{
    (void)printf("Usage: casemate %s%s%s%s\n%s\n\n", usage->name,
                 usage->words[0] != '\0' ? " " : "", usage->words,
                 option_count(usage) > 0 ? " [OPTION]..." : "", usage->what);
    for (size_t i = 0; i < option_count(usage); i++) {
        const struct verb_option *o = &usage->options[i];
        char left[64];

        (void)text_format(left, sizeof(left), "--%s%s%s", o->name, o->argument != NULL ? " " : "",
                          o->argument != NULL ? o->argument : "");
        (void)printf("  %-20s %s\n", left, o->help);
    }
    (void)printf("  %-20s %s\n", "--help", "this text");
}

/* Say which option was probably meant. */
static void unknown(const struct verb_usage *usage, const char *name)
{
    const char *names[ARGUMENTS_OPTIONS_MAX + 1], *near;
    size_t count = option_count(usage);
    char shown[64];

    for (size_t i = 0; i < count; i++)
        names[i] = usage->options[i].name;
    names[count] = "help";
    near = guest_suggest(name, names, count + 1);
    (void)text_escape(shown, sizeof(shown), name);
    if (near != NULL)
        complain("%s has no option --%s; did you mean --%s?", usage->name, shown, near);
    else
        complain("%s has no option --%s; `casemate %s --help` lists them", usage->name, shown,
                 usage->name);
}

/* 1: an option, *i moved past its value; 0: --help; -1: complained. */
static int take_option(const struct verb_usage *usage, int argc, char **argv, int *i,
                       struct arguments *arguments)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);

    if (strcmp(word, "help") == 0)
        return 0;
    for (size_t k = 0; k < option_count(usage); k++) {
        const struct verb_option *o = &usage->options[k];

        if (strncmp(o->name, word, length) != 0 || o->name[length] != '\0')
            continue;
        if (o->argument == NULL && equals != NULL) {
            complain("--%s takes no value", o->name);
            return -1;
        }
        if (o->argument != NULL && equals == NULL && *i + 1 >= argc) {
            complain("--%s needs a value: --%s %s", o->name, o->name, o->argument);
            return -1;
        }
        if (arguments->given[k]) {
            complain("--%s is given twice", o->name);
            return -1;
        }
        arguments->given[k] = true;
        if (o->argument != NULL)
            arguments->value[k] = equals != NULL ? equals + 1 : argv[++*i];
        return 1;
    }
    unknown(usage, word);
    return -1;
}

bool arguments_parse(const struct verb_usage *usage, int argc, char **argv,
                     struct arguments *arguments, int *status)
{
    bool options = true;

    *arguments = (struct arguments){.word = argv + 1};
    *status = VERB_USAGE;
    for (int i = 1; i < argc; i++) {
        int r;

        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            continue;
        }
        if (options && strcmp(argv[i], "-h") == 0) {
            help(usage);
            *status = VERB_OK;
            return false;
        }
        if (!options || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[1 + arguments->words++] = argv[i];
            continue;
        }
        if (argv[i][1] != '-') {
            complain("options have long names: `casemate %s --help` lists them", usage->name);
            return false;
        }
        r = take_option(usage, argc, argv, &i, arguments);
        if (r == 0) {
            help(usage);
            *status = VERB_OK;
        }
        if (r <= 0)
            return false;
    }
    if (arguments->words < usage->words_min) {
        complain("%s needs %s: `casemate %s --help` tells more", usage->name, usage->words,
                 usage->name);
        return false;
    }
    if (usage->words_max >= 0 && arguments->words > usage->words_max) {
        complain("%s takes %s: '%s' is one too many", usage->name,
                 usage->words[0] != '\0' ? usage->words : "no argument",
                 arguments->word[usage->words_max]);
        return false;
    }
    return true;
}
