/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a file in the hands of somebody who may write to them although
 * nobody has the file open: a shared mapping of it is pinned, and taken away.
 * They stay pinned until the program ends, or the disk has answered.
 */
#ifndef TEST_VM_TOOLS_GUARD_PIN_H
#define TEST_VM_TOOLS_GUARD_PIN_H

/* An AF_XDP socket's memory for packets; up to Linux 6.4. */
void pin_for_packets(const char *file);

/* Direct I/O from @disk, which has to be slow; from Linux 6.3 on it pins. */
void pin_for_disk(const char *file, const char *disk);

/* A buffer registered with an io_uring: the kernel has none in such a file. */
void pin_for_ring(const char *file);

#endif
