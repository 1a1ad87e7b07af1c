// SPDX-License-Identifier: Apache-2.0
/*
 * One line per thing that has to be there, with what to do if it is not. What
 * is only worse than it could be ("note") does not make the exit status 1.
 */
#include <err.h>
#include <getopt.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linetls.h"

static const char help[] =
    "usage: linetls doctor\n\n"
    "What TLS offload needs, from the kernel to the servers. Exit status 1 if\n"
    "something is missing without which nothing is handed to the kernel.\n\n"
    "  -h, --help\n";

static int failures;

enum verdict { OK, NOTE, BAD };

__attribute__((format(printf, 3, 4))) static void
say(enum verdict verdict, const char *what, const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "BAD"};
    va_list args;

    failures += verdict == BAD;
    printf("%-5s %-10s ", words[verdict], what);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static bool file_has(const char *name, const char *text)
{
    FILE *file = fopen(name, "re");
    char line[4096];
    bool is = false;

    while (file && !is && fgets(line, sizeof(line), file))
        is = strstr(line, text);
    if (file)
        fclose(file);
    return is;
}

static void check_module(void)
{
    struct utsname uts;
    char deps[256];

    uname(&uts);
    if (!access("/sys/module/linetls", F_OK)) {
        say(OK, "kernel", "%s, module linetls is loaded", uts.release);
        return;
    }
    snprintf(deps, sizeof(deps), "/lib/modules/%s/modules.dep", uts.release);
    if (file_has(deps, "/linetls.ko"))
        say(BAD, "kernel",
            "%s, module linetls is not loaded: modprobe linetls, and see "
            "modules-load.d(5)",
            uts.release);
    else
        say(BAD, "kernel",
            "%s has no module linetls: install linetls-dkms, or build it with "
            "--with-kernel-headers and depmod",
            uts.release);
}

/* ---- devices ---- */

static int ethtool(int fd, const char *dev, void *data)
{
    struct ifreq ifr = {.ifr_data = data};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
    return ioctl(fd, SIOCETHTOOL, &ifr);
}

/* The number of the feature "tls-hw-tx-offload", and of all; -1: none. */
static int find_feature(int fd, const char *dev, unsigned *count)
{
    struct {
        struct ethtool_sset_info info;
        uint32_t n;
    } sset = {.info = {.cmd = ETHTOOL_GSSET_INFO,
                       .sset_mask = 1ULL << ETH_SS_FEATURES}};
    struct ethtool_gstrings *strings;
    int index = -1;

    if (ethtool(fd, dev, &sset) || !sset.info.sset_mask)
        return -1;
    strings = calloc(1, sizeof(*strings) + (size_t)sset.n * ETH_GSTRING_LEN);
    if (!strings)
        err(FAILED, "memory");
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = sset.n;
    if (!ethtool(fd, dev, strings))
        for (unsigned i = 0; i < strings->len && index < 0; i++)
            if (!strncmp((char *)strings->data + i * ETH_GSTRING_LEN,
                         "tls-hw-tx-offload", ETH_GSTRING_LEN))
                index = i;
    free(strings);
    *count = sset.n;
    return index;
}

enum offload { ABSENT, OFF, ON };

static enum offload get_offload(int fd, const char *dev)
{
    struct ethtool_gfeatures *features;
    enum offload offload = ABSENT;
    unsigned count, blocks;
    int index = find_feature(fd, dev, &count);
    uint32_t bit;

    if (index < 0)
        return ABSENT;
    blocks = (count + 31) / 32;
    features = calloc(1, sizeof(*features) +
                             blocks * sizeof(features->features[0]));
    if (!features)
        err(FAILED, "memory");
    features->cmd = ETHTOOL_GFEATURES;
    features->size = blocks;
    bit = 1U << (index % 32);
    if (!ethtool(fd, dev, features)) {
        if (features->features[index / 32].active & bit)
            offload = ON;
        else if (features->features[index / 32].available & bit)
            offload = OFF;
    }
    free(features);
    return offload;
}

static bool is_our_driver(int fd, const char *dev)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

    return !ethtool(fd, dev, &info) && !strcmp(info.driver, "linetls_nic");
}

static void check_device(int fd, const char *dev)
{
    switch (get_offload(fd, dev)) {
    case ON:
        if (is_our_driver(fd, dev))
            say(OK, dev, "offloads TLS");
        else
            say(NOTE, dev,
                "offloads TLS for the kernel's own ULP; with linetls its "
                "connections are encrypted in software (LinetlsReasonDriver)");
        break;
    case OFF:
        say(NOTE, dev,
            "could offload TLS: ethtool -K %s tls-hw-tx-offload on", dev);
        break;
    case ABSENT:
        say(NOTE, dev, "no TLS offload: encrypted in software in front of it");
        break;
    }
}

static void check_devices(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct if_nameindex *devs = if_nameindex();

    if (fd < 0 || !devs)
        err(FAILED, "network devices");
    for (struct if_nameindex *d = devs; d->if_index; d++)
        if (strcmp(d->if_name, "lo"))
            check_device(fd, d->if_name);
    if_freenameindex(devs);
    close(fd);
}

/* ---- OpenSSL ---- */

/* The provider's section in the file; NULL: it is not switched on in it. */
static const char *provider_section(const CONF *conf)
{
    const char *section = NCONF_get_string(conf, NULL, "openssl_conf");

    section = section ? NCONF_get_string(conf, section, "providers") : NULL;
    section = section ? NCONF_get_string(conf, section, "linetls") : NULL;
    return section && NCONF_get_string(conf, section, "activate") ? section
                                                                  : NULL;
}

static void print_openssl_errors(void)
{
    unsigned long code;
    const char *data;
    int flags;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags))) {
        const char *reason = ERR_reason_error_string(code);

        printf("        %s%s%s\n", reason ? reason : "error",
               flags & ERR_TXT_STRING && *data ? ": " : "",
               flags & ERR_TXT_STRING ? data : "");
    }
}

static void check_provider(const char *file)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

    if (ctx && OSSL_LIB_CTX_load_config(ctx, file) &&
        OSSL_PROVIDER_available(ctx, "linetls")) {
        say(OK, "provider", "linetls loads");
    } else {
        say(BAD, "provider",
            "linetls does not load: is linetls.so where `openssl version -m` "
            "says?");
        print_openssl_errors();
    }
    OSSL_LIB_CTX_free(ctx);
}

static void check_openssl(void)
{
    char *file = CONF_get1_default_config_file();
    CONF *conf = NCONF_new(NULL);
    const char *offload, *section = NULL;
    long line = 0;

    if (!file || !conf)
        errx(FAILED, "no memory for OpenSSL");
    if (NCONF_load(conf, file, &line) <= 0) {
        if (line)
            say(BAD, "openssl", "%s: error in line %ld", file, line);
        else
            say(BAD, "openssl", "%s can't be read", file);
    } else {
        section = provider_section(conf);
    }
    ERR_clear_error();
    if (section) {
        offload = NCONF_get_string(conf, section, "offload");
        if (offload && !strcmp(offload, "off"))
            say(BAD, "openssl", "%s: linetls is there, but offload = off",
                file);
        else
            say(OK, "openssl", "%s activates the provider linetls", file);
        ERR_clear_error();
        check_provider(file);
    } else if (!line) {
        say(BAD, "openssl",
            "%s does not activate the provider linetls: see linetls(7)",
            file);
    }
    NCONF_free(conf);
    OPENSSL_free(file);
}

/* ---- servers ---- */

static const struct server {
    const char *program;
    enum verdict verdict;
    const char *text;
} servers[] = {
    {"/usr/sbin/nginx", OK, "is handed over; `sendfile on` for files"},
    {"/usr/sbin/haproxy", NOTE,
     "hides its sockets: preload liblinetls-fd.so, or it stays in userspace"},
    {"/usr/sbin/apache2", NOTE, "stays in userspace: a BIO of its own"},
    {"/usr/sbin/squid", NOTE, "stays in userspace: a BIO of its own"},
    {"/usr/lib/postgresql", NOTE, "stays in userspace: a BIO of its own"},
    {"/usr/sbin/dovecot", NOTE, "stays in userspace: BIO pairs"},
    {"/usr/sbin/named", NOTE, "stays in userspace: BIO pairs"},
};

/*
 * A program with OpenSSL built in does not read our provider. The loader tells
 * what it would link, without running the program.
 */
static bool links_libssl(const char *program)
{
    char command[256], line[512];
    bool found = false;
    FILE *pipe;

    snprintf(command, sizeof(command),
             "LD_TRACE_LOADED_OBJECTS=1 '%s' 2>/dev/null", program);
    pipe = popen(command, "re");
    if (!pipe)
        return false;
    while (fgets(line, sizeof(line), pipe))
        found |= !!strstr(line, "libssl.so.3");
    pclose(pipe);
    return found;
}

static void check_servers(void)
{
    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
        const struct server *s = &servers[i];
        const char *name = strrchr(s->program, '/') + 1;

        if (access(s->program, X_OK))
            continue;
        if (s->verdict == OK && !links_libssl(s->program))
            say(NOTE, name, "is not linked to libssl 3: stays in userspace");
        else
            say(s->verdict, name, "%s", s->text);
    }
}

int doctor_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt != 'h')
            return BAD_USAGE;
        fputs(help, stdout);
        return DONE;
    }
    if (optind != argc)
        errx(BAD_USAGE, "doctor: what is '%s'?", argv[optind]);
    check_module();
    check_devices();
    check_openssl();
    check_servers();
    return failures ? FAILED : DONE;
}
