/* SPDX-License-Identifier: Apache-2.0 */
/* The command linetls: what its parts have in common, grouped by file. */
#ifndef TOOLS_LINETLS_H
#define TOOLS_LINETLS_H

#include <linux/tls.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uapi/linetls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define ADDRESS_LEN (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/* main.c: exit statuses */
enum { DONE = 0, FAILED = 1, BAD_USAGE = 2 };

int status_main(int argc, char **argv);
int stats_main(int argc, char **argv);
int doctor_main(int argc, char **argv);

/* A whole number above 0; ends the program if it is none. */
int parse_count(const char *option, const char *value);

/* sockets.c */

/*
 * A TCP connection with the ULP "linetls" or "tls". What follows @pid is
 * only there where the process that has it was found, and @has_status where
 * the kernel gave LINETLS_TX_STATUS for it (root, ULP linetls).
 */
struct connection {
    char local[ADDRESS_LEN], peer[ADDRESS_LEN];
    char ulp[16];
    unsigned version, cipher;   /* TLS_1_2_VERSION ..., TLS_CIPHER_*; 0: none */
    unsigned tx, rx;            /* TLS_CONF_* */
    bool zerocopy;
    unsigned long inode;
    pid_t pid;                  /* 0: not found */
    char program[32];
    bool has_status;
    struct linetls_tx_status status;
};

struct connections {
    struct connection *list;
    size_t count, room;
};

/*
 * All of this network namespace. Returns 0, or -1 with errno set; EPERM stands
 * for a kernel that says nothing of ULPs without CAP_NET_ADMIN. free() the
 * list in either case.
 */
int find_connections(struct connections *found);

/* names.c; "?" for what is unknown */
const char *version_name(unsigned version);
const char *cipher_name(unsigned cipher);
const char *reason_name(unsigned reason);

#endif
