// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "linetls.h"

#define FILE_NAME "/proc/net/linetls_stat"

static const char help[] =
    "usage: linetls stats [OPTIONS]\n\n"
    "The counters of this network namespace (" FILE_NAME "); those that are "
    "zero\nare left out of the table.\n\n"
    "  -a, --all               those, too\n"
    "  -i, --interval SECONDS  what they grow by per second, again and again\n"
    "  -c, --count N           so many intervals\n"
    "  -j, --json              an object, all counters\n"
    "  -p, --prometheus        text format of node_exporter's textfile "
    "collector\n"
    "  -h, --help\n";

struct counter {
    char name[48];
    long long value;
};

#define MAX_COUNTERS 128

static int read_all(struct counter counters[MAX_COUNTERS])
{
    FILE *file = fopen(FILE_NAME, "re");
    int n = 0;

    if (!file && errno == ENOENT)
        errx(FAILED, "%s is not there: the module linetls is not loaded",
             FILE_NAME);
    if (!file)
        err(FAILED, "%s", FILE_NAME);
    while (n < MAX_COUNTERS && fscanf(file, "%47s %lld", counters[n].name,
                                      &counters[n].value) == 2)
        n++;
    fclose(file);
    return n;
}

/* Current values go up and down, as in the kernel's own tls_stat. */
static bool is_gauge(const struct counter *c)
{
    return strstr(c->name, "Curr") || strstr(c->name, "Tracked") ||
           !strcmp(c->name, "LinetlsGuards");
}

static void print_table(const struct counter *c, int n, bool all)
{
    for (int i = 0; i < n; i++)
        if (all || c[i].value)
            printf("%-32s %20lld\n", c[i].name, c[i].value);
}

static void print_json(const struct counter *c, int n)
{
    json_t *object = json_object();

    for (int i = 0; i < n; i++)
        json_object_set_new(object, c[i].name, json_integer(c[i].value));
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(object);
}

/* LinetlsTxDevice becomes linetls_tx_device, and _total if it only grows. */
static void metric_name(char *to, size_t size, const struct counter *c)
{
    size_t n = 0;

    for (const char *p = c->name; *p && n + sizeof("__total") < size; p++) {
        if (isupper((unsigned char)*p) && n)
            to[n++] = '_';
        to[n++] = tolower((unsigned char)*p);
    }
    to[n] = 0;
    if (!is_gauge(c))
        strcpy(to + n, "_total");
}

static void print_prometheus(const struct counter *c, int n)
{
    char name[128];

    for (int i = 0; i < n; i++) {
        metric_name(name, sizeof(name), &c[i]);
        printf("# TYPE %s %s\n%s %lld\n", name,
               is_gauge(&c[i]) ? "gauge" : "counter", name, c[i].value);
    }
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void print_rates(int interval, int count, bool all)
{
    struct counter before[MAX_COUNTERS], now[MAX_COUNTERS];
    double start = seconds(), end;
    int n = read_all(before);

    for (int i = 0; !count || i < count; i++) {
        sleep(interval);
        if (read_all(now) != n)
            errx(FAILED, "the module was replaced");
        end = seconds();
        if (i)
            putchar('\n');
        for (int k = 0; k < n; k++) {
            long long grown = now[k].value - before[k].value;

            if (!is_gauge(&now[k]) && (all || grown))
                printf("%-32s %20.1f/s\n", now[k].name, grown / (end - start));
            else if (is_gauge(&now[k]) && (all || now[k].value))
                printf("%-32s %20lld\n", now[k].name, now[k].value);
        }
        fflush(stdout);
        memcpy(before, now, sizeof(now));
        start = end;
    }
}

int stats_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"interval", required_argument, NULL, 'i'},
        {"count", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"prometheus", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct counter counters[MAX_COUNTERS];
    int interval = 0, count = 0, opt, n;
    bool all = false, json = false, prometheus = false;

    while ((opt = getopt_long(argc, argv, "ai:c:jph", options, NULL)) != -1) {
        switch (opt) {
        case 'a': all = true; break;
        case 'i': interval = parse_count("--interval", optarg); break;
        case 'c': count = parse_count("--count", optarg); break;
        case 'j': json = true; break;
        case 'p': prometheus = true; break;
        case 'h': fputs(help, stdout); return DONE;
        default: return BAD_USAGE;
        }
    }
    if (optind != argc)
        errx(BAD_USAGE, "stats: what is '%s'?", argv[optind]);
    if (json + prometheus + (interval > 0) > 1)
        errx(BAD_USAGE, "stats: --json, --prometheus, --interval: one of them");
    if (count && !interval)
        errx(BAD_USAGE, "stats: --count needs --interval");
    if (interval) {
        print_rates(interval, count, all);
    } else {
        n = read_all(counters);
        if (json)
            print_json(counters, n);
        else if (prometheus)
            print_prometheus(counters, n);
        else
            print_table(counters, n, all);
    }
    if (fflush(stdout))
        err(FAILED, "standard output");
    return DONE;
}
