// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "linetls.h"

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"doctor", doctor_main, "is everything there, and what to do if not"},
    {"status", status_main, "the connections that the kernel encrypts"},
    {"stats", stats_main, "totals, and why connections are not offloaded"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *to)
{
    fputs("usage: linetls COMMAND [OPTIONS]\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n  -h, --help      this, or a command's options\n"
          "  -V, --version\n\nSee linetls(8).\n",
          to);
}

int parse_count(const char *option, const char *value)
{
    char *end;
    long n = strtol(value, &end, 10);

    if (!*value || *end || n < 1 || n > 86400 * 365)
        errx(BAD_USAGE, "%s: '%s' is not a number above 0", option, value);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return BAD_USAGE;
    }
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        usage(stdout);
        return DONE;
    }
    if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
        puts(PACKAGE_STRING);
        return DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].main(argc - 1, argv + 1);
    errx(BAD_USAGE, "no command '%s', see linetls --help", argv[1]);
}
