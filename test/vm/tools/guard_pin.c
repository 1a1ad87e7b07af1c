// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guard_pin.h"

static void *map_file(const char *file, size_t *len)
{
    int fd = open(file, O_RDWR);
    struct stat st;
    char *p;

    if (fd < 0 || fstat(fd, &st))
        err(1, "%s", file);
    p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        err(1, "mmap %s", file);
    close(fd);
    *len = st.st_size;
    return p;
}

void pin_for_packets(const char *file)
{
    struct xdp_umem_reg reg = {.chunk_size = 4096};
    int fd = socket(AF_XDP, SOCK_RAW, 0);
    size_t len;
    void *p = map_file(file, &len);

    reg.addr = (unsigned long)p;
    reg.len = len;
    if (fd < 0 || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
        err(1, "AF_XDP memory in %s", file);
    munmap(p, len);
}

void pin_for_disk(const char *file, const char *disk)
{
    int fd = open(disk, O_RDONLY | O_DIRECT);
    struct iocb io = {.aio_lio_opcode = IOCB_CMD_PREAD}, *ios = &io;
    aio_context_t ctx = 0;
    size_t len;
    void *p = map_file(file, &len);

    io.aio_fildes = fd;
    io.aio_buf = (unsigned long)p;
    io.aio_nbytes = len;
    if (fd < 0 || syscall(SYS_io_setup, 1, &ctx) ||
        syscall(SYS_io_submit, ctx, 1, &ios) != 1)
        err(1, "direct I/O from %s into %s", disk, file);
    munmap(p, len);
}

static int register_buffer(int ring, void *p, size_t len)
{
    struct iovec iov = {p, len};

    return syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov,
                   1);
}

void pin_for_ring(const char *file)
{
    struct io_uring_params params = {0};
    int ring = syscall(SYS_io_uring_setup, 1, &params);
    static char own[4096] __attribute__((aligned(4096)));
    size_t len;
    void *p = map_file(file, &len);

    if (ring < 0 || register_buffer(ring, own, sizeof(own)) ||
        syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL,
                0))
        err(2, "io_uring");
    if (register_buffer(ring, p, len))
        err(1, "a buffer of io_uring in %s", file);
    munmap(p, len);
}
