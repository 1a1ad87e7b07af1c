/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ulp_send: every way of sending, a connection for each case. The near end is
 * the ULP; the far end is a process in another network namespace that opens
 * the records with libcrypto and keeps what it has read in shared memory.
 */
#ifndef TEST_VM_TOOLS_ULP_SEND_H
#define TEST_VM_TOOLS_ULP_SEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "ulp.h"

#define MAX_RECORDS 200000
#define MAX_DATA (64 << 20)
#define NO_LIMIT (1ULL << 62)

enum end { OPEN, FIN, CUT, RESET };

struct seen {
    unsigned char type;
    unsigned short len;
};

/* What the far end has seen, and what it is told to do. */
struct far {
    _Atomic unsigned long long bytes;	/* of plaintext, all types */
    _Atomic unsigned records;
    _Atomic enum end end;
    _Atomic unsigned long long limit;	/* it reads while it has less */
    _Atomic int nap_ms;			/* after each record */
    _Atomic int fin, reset;		/* it sends one */
    struct seen record[MAX_RECORDS];
    unsigned char data[MAX_DATA];
};

/*
 * A connection. @pos bytes of the pattern were sent by send_pattern() and the
 * like; if @want_records, exactly the records @want.
 */
struct link {
    int fd;
    pid_t pid;
    struct far *far;
    unsigned long long pos;
    unsigned want_records;
    struct seen want[1000];
    bool checked;	/* the case has looked at the data itself */
};

struct send_case {
    const char *name;
    void (*run)(struct link *l);
    int sndbuf, rcvbuf;
    bool paused;	/* the far end reads nothing until it is told */
    bool extra;		/* only when it is named */
};

extern const struct send_case call_cases[], wait_cases[], end_cases[],
    file_cases[], memory_cases[], uring_cases[];

struct setup {
    const char *netns, *host, *version, *cipher, *dirs[8];
    int mode, ndirs;
};

extern struct setup setup;

/* A failed check fails the case, which goes on. */
#define check(cond, ...)                                                       \
    do {                                                                       \
        if (!(cond))                                                           \
            failed(__FILE__, __LINE__, #cond, __VA_ARGS__);                    \
    } while (0)

void failed(const char *file, int line, const char *cond, const char *format,
            ...) __attribute__((format(printf, 4, 5)));

/* A far end that listens, before there is a connection; its port. */
int start_far(struct link *l, const struct send_case *c, bool fast_open,
              unsigned skip);

/* A far end that connects to @to, and says hello with its SYN. */
void start_far_client(struct link *l, const struct sockaddr *to, socklen_t len);

/* The ULP and the first keys. */
void attach(int fd);

/* Pause the far end, or let it read on. */
void hold(struct link *l);
void release(struct link *l);

/* Wait until the far end has so many bytes; fails after @ms. */
bool far_has(struct link *l, unsigned long long bytes, int ms);

/* FIN, and wait for the far end's; closes the descriptor. */
void finish(struct link *l);

/* One send() of the next @n bytes of the pattern; what it returns. */
ssize_t send_pattern(struct link *l, size_t n, int flags);

/* All of them. */
void send_all(struct link *l, size_t n, int flags);

/* A thread in one send() of @n bytes of the pattern; joined by the last call. */
struct long_send {
    struct link *l;
    pthread_t thread;
    unsigned char *buf;
    size_t n;
    ssize_t sent;
    int error;
};

void begin_long_send(struct long_send *s, struct link *l, size_t n);
void end_long_send(struct long_send *s);

/* Until the socket has no room. */
void wait_full(struct link *l);

/* The next record that the far end has to see. */
void want(struct link *l, unsigned char type, unsigned len);

/* What a call that takes @n bytes of data at once becomes. */
void want_data(struct link *l, unsigned n);

void set_nonblock(int fd, bool on);
long long now_ms(void);
void nap(int ms);

#endif
