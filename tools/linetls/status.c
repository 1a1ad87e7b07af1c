// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linetls.h"

static const char help[] =
    "usage: linetls status [OPTIONS]\n\n"
    "The connections of this network namespace whose records the kernel "
    "makes.\n\n"
    "  -j, --json            one object per connection, in an array\n"
    "  -w, --watch[=SECONDS] again and again (default every 2 s)\n"
    "  -h, --help\n";

/* Who encrypts: TLS_CONF_HW is what the kernel says of a device, too. */
static const char *path_name(const struct connection *c)
{
    switch (c->tx) {
    case TLS_CONF_HW: return "device";
    case TLS_CONF_SW: return "software";
    default: return "none";
    }
}

#define ROW "%-22s %-22s %-18s %-7s %-3s %-17s %-8s %-4s %9s %s\n"

static void print_row(const struct connection *c)
{
    char program[64], records[24] = "-", reason[16] = "-";

    snprintf(program, sizeof(program), "%s/%d", *c->program ? c->program : "-",
             (int)c->pid);
    if (c->has_status) {
        snprintf(records, sizeof(records), "%llu",
                 (unsigned long long)c->status.records);
        if (c->status.reason)
            snprintf(reason, sizeof(reason), "%s",
                     reason_name(c->status.reason));
    }
    printf(ROW, c->local, c->peer, c->pid ? program : "-", c->ulp,
           version_name(c->version), cipher_name(c->cipher), path_name(c),
           c->zerocopy ? "yes" : "no", records, reason);
}

static void print_table(const struct connections *found)
{
    printf(ROW, "LOCAL", "PEER", "PROGRAM", "ULP", "TLS", "CIPHER", "SENDS",
           "ZC", "RECORDS", "REASON");
    for (size_t i = 0; i < found->count; i++)
        print_row(&found->list[i]);
}

static json_t *status_json(const struct linetls_tx_status *s)
{
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "reason",
        reason_name(s->reason), "ifindex", (json_int_t)s->ifindex, "records",
        (json_int_t)s->records, "records_tracked",
        (json_int_t)s->records_tracked, "device_bytes",
        (json_int_t)s->device_bytes, "software_bytes",
        (json_int_t)s->software_bytes, "device_packets",
        (json_int_t)s->device_packets, "software_packets",
        (json_int_t)s->software_packets, "dropped_packets",
        (json_int_t)s->dropped_packets, "zerocopy_bytes",
        (json_int_t)s->zerocopy_bytes);
}

static json_t *connection_json(const struct connection *c)
{
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "local", c->local, "peer",
        c->peer, "ulp", c->ulp, "version", version_name(c->version), "cipher",
        cipher_name(c->cipher), "sends", path_name(c), "zerocopy",
        (int)c->zerocopy);

    if (c->pid) {
        json_object_set_new(o, "pid", json_integer(c->pid));
        json_object_set_new(o, "program", json_string(c->program));
    }
    if (c->has_status)
        json_object_set_new(o, "status", status_json(&c->status));
    return o;
}

static void print_json(const struct connections *found)
{
    json_t *array = json_array();

    for (size_t i = 0; i < found->count; i++)
        json_array_append_new(array, connection_json(&found->list[i]));
    json_dumpf(array, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(array);
}

static void print_once(bool json)
{
    struct connections found;

    if (find_connections(&found)) {
        if (errno == EPERM)
            errx(FAILED, "status needs root: the kernel tells nobody else");
        err(FAILED, "sock_diag");
    }
    if (json)
        print_json(&found);
    else
        print_table(&found);
    free(found.list);
    if (fflush(stdout))
        err(FAILED, "standard output");
}

int status_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"watch", optional_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool json = false;
    int watch = 0, opt;

    while ((opt = getopt_long(argc, argv, "jw::h", options, NULL)) != -1) {
        switch (opt) {
        case 'j': json = true; break;
        case 'w': watch = optarg ? parse_count("--watch", optarg) : 2; break;
        case 'h': fputs(help, stdout); return DONE;
        default: return BAD_USAGE;
        }
    }
    if (optind != argc)
        errx(BAD_USAGE, "status: what is '%s'?", argv[optind]);
    for (;;) {
        if (watch && !json && isatty(STDOUT_FILENO))
            fputs("\033[H\033[2J", stdout);
        print_once(json);
        if (!watch)
            return DONE;
        sleep(watch);
    }
}
