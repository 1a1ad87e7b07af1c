/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * linetls: TLS transmission with the encryption at the edge of the host.
 *
 * Protocol
 * --------
 * linetls is a TCP upper layer protocol (ULP) that speaks the socket options
 * of the kernel's own ULP "tls" (Documentation/networking/tls.rst), and adds
 * the ones below. It transmits only: reception is left to the application.
 *
 *   1. The application completes a TLS 1.2 or 1.3 handshake in user space,
 *      over a connected TCP socket.
 *   2. setsockopt(fd, SOL_TCP, TCP_ULP, "linetls", 7) attaches the ULP.
 *      The stream is unchanged so far.
 *   3. setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, sizeof(int)), optional,
 *      says who may encrypt this connection, and LINETLS_TX_HANDOVER how much
 *      of it software encrypts before a device is asked.
 *   4. setsockopt(fd, SOL_TLS, TLS_TX, &info, len), where info is one of the
 *      struct tls12_crypto_info_* of <linux/tls.h>, hands over the write keys.
 *      All bytes sent afterwards are payload of TLS records; what was sent
 *      before goes out as it was written.
 *   5. send(), sendmsg(), sendfile() and splice() send application data.
 *      sendmsg() with a SOL_TLS/TLS_SET_RECORD_TYPE control message sends one
 *      record of another type (RFC 8446 section 5.1).
 *   6. TLS 1.3: another TLS_TX installs the keys after a KeyUpdate that the
 *      application has sent (RFC 8446 section 4.6.3). Records before it stay
 *      under the old ones, retransmissions included. EAGAIN: an open record
 *      (MSG_MORE) can't be closed before the send buffer has room. EINVAL: the
 *      key is the old one, or for another version or cipher.
 *   7. setsockopt(fd, SOL_TLS, LINETLS_TX_FILE, &file, sizeof(int)), optional,
 *      before sendfile() or splice() from that file: its pages are sent without
 *      a copy, and yet the peer gets what they held when they were sent.
 *
 * From step 4 on the socket's queue holds plaintext records. A packet is
 * encrypted where it leaves the host: by the network device that offloads the
 * connection, or in software in front of any other device.
 */
#ifndef _UAPI_LINETLS_H
#define _UAPI_LINETLS_H

#include <linux/types.h>

#define LINETLS_ULP_NAME	"linetls"

/* Options at level SOL_TLS; those below 64 are the kernel's (linux/tls.h). */

/*
 * LINETLS_TX_MODE: int, one of enum linetls_tx_mode; get and set.
 *
 * Set it before TLS_TX, after which it fails with EBUSY. EINVAL: not a mode,
 * LINETLS_TX_MODE_REQUIRE after LINETLS_TX_HANDOVER, or optlen is not
 * sizeof(int).
 */
#define LINETLS_TX_MODE		64

/*
 * LINETLS_TX_STATUS: struct linetls_tx_status; get only.
 *
 * The kernel fills as much as optlen holds and returns in optlen what it
 * filled. ENOTCONN: no TLS_TX was done. EINVAL: optlen is below 8.
 */
#define LINETLS_TX_STATUS	65

/*
 * LINETLS_TX_FILE: int, a descriptor of a file that is about to be sent, or -1
 * for none; set only.
 *
 * Success: what sendfile() and splice() send of this file on this connection
 * goes out of the page cache, until somebody opens the file for writing. Any
 * failure: it is copied. Neither changes what the peer receives, so that the
 * application need not look at the result, and can't do anything wrong: the
 * file may be written, truncated or replaced at any time, and the descriptor
 * may be closed. The last file announced counts; announcing it again costs a
 * look-up, and is how a file is guarded again after its writer has closed it.
 *
 * Errors, each with its reason in linetls_tx_status.file_reason and counted in
 * /proc/net/linetls_stat:
 *   EBADF	not a descriptor, not open for reading, or O_PATH
 *   EISDIR	a directory
 *   EINVAL	not a regular file (no reason: optlen is not sizeof(int))
 *   EOPNOTSUPP	the file's file system, or the file itself, can't be guarded
 *   ETXTBSY	it is open for writing, or mapped so
 *   EAGAIN	it was open for writing a short time ago
 *   ENOLCK	no lease on it: fs.leases-enable is 0, the file system says no,
 *		or somebody else has an exclusive one
 *   EXDEV	its mount is of another mount namespace, or can't be cloned
 *   ENFILE	too many files are guarded (module parameter guard_files)
 *   EFBIG	too large for what may be in flight (guard_pages): 1 TiB
 *   ENOMEM	no memory
 *   ENOTCONN	no TLS_TX was done (no reason)
 */
#define LINETLS_TX_FILE		66

/*
 * LINETLS_TX_HANDOVER: int, bytes of payload; get and set.
 *
 * So many bytes are encrypted in software before a device is asked to take the
 * connection, so that one that ends sooner costs no device the setting up. The
 * device gets the record after the one that reached them. 0, the default: the
 * device is asked in TLS_TX. New keys in between change nothing, and where the
 * route led in between does not matter. Without effect in
 * LINETLS_TX_MODE_SOFTWARE.
 *
 * Set it before TLS_TX, after which it fails with EBUSY. EINVAL: below 0, or
 * above 0 together with LINETLS_TX_MODE_REQUIRE, whichever is set last; or
 * optlen is not sizeof(int).
 */
#define LINETLS_TX_HANDOVER	67

enum linetls_tx_mode {
	LINETLS_TX_MODE_PREFER = 0,	/* a device where one takes it */
	LINETLS_TX_MODE_SOFTWARE = 1,	/* never a device */
	LINETLS_TX_MODE_REQUIRE = 2,	/* TLS_TX fails without a device */
};

/* Who encrypts the connection now (linetls_tx_status.path). */
enum linetls_tx_path {
	LINETLS_TX_PATH_SOFTWARE = 0,
	LINETLS_TX_PATH_DEVICE = 1,
};

/*
 * Why a connection is not, or no longer, encrypted by a device
 * (linetls_tx_status.reason, and the names in /proc/net/linetls_stat).
 */
enum linetls_tx_reason {
	LINETLS_REASON_NONE = 0,
	LINETLS_REASON_MODE = 1,	/* LINETLS_TX_MODE_SOFTWARE */
	LINETLS_REASON_NO_ROUTE = 2,	/* the socket has no route */
	LINETLS_REASON_NO_FEATURE = 3,	/* tls-hw-tx-offload off or absent */
	LINETLS_REASON_DEVICE_DOWN = 4,	/* the device is or went down */
	LINETLS_REASON_REFUSED = 5,	/* the driver's tls_dev_add failed */
	LINETLS_REASON_DRIVER = 6,	/* not known to go by skb->decrypted */
	LINETLS_REASON_FEATURE_OFF = 7,	/* tls-hw-tx-offload was switched off */
	LINETLS_REASON_WRAPPED = 8,	/* IPsec or a tunnel on the route */
	LINETLS_REASON_ROUTE = 9,	/* the route leads past the device */
	LINETLS_REASON_STALLED = 10,	/* timeouts in a row by the device */
	LINETLS_REASON_FRAGMENT = 11,	/* IP may fragment: no DF */
	LINETLS_REASON_HANDOVER = 12,	/* LINETLS_TX_HANDOVER is not reached */
};

/*
 * What became of the file that was announced last
 * (linetls_tx_status.file_reason, and the names in /proc/net/linetls_stat).
 */
enum linetls_file_reason {
	LINETLS_FILE_NONE = 0,		/* none announced */
	LINETLS_FILE_GUARDED = 1,	/* sent without a copy */
	LINETLS_FILE_BROKEN = 2,	/* was, until a writer came */
	LINETLS_FILE_DESCRIPTOR = 3,	/* EBADF */
	LINETLS_FILE_DIRECTORY = 4,	/* EISDIR */
	LINETLS_FILE_NOT_REGULAR = 5,	/* EINVAL */
	LINETLS_FILE_FILESYSTEM = 6,	/* EOPNOTSUPP: not one of those known */
	LINETLS_FILE_DAX = 7,		/* EOPNOTSUPP: no page cache */
	LINETLS_FILE_SWAP = 8,		/* EOPNOTSUPP: a swap file */
	LINETLS_FILE_WRITER = 9,	/* ETXTBSY */
	LINETLS_FILE_RECENT = 10,	/* EAGAIN */
	LINETLS_FILE_LEASE = 11,	/* ENOLCK */
	LINETLS_FILE_MOUNT = 12,	/* EXDEV */
	LINETLS_FILE_LIMIT = 13,	/* ENFILE, EFBIG */
	LINETLS_FILE_MEMORY = 14,	/* ENOMEM */
};

/* May grow at its end. */
struct linetls_tx_status {
	__u16 version;			/* TLS_1_2_VERSION, TLS_1_3_VERSION */
	__u16 cipher;			/* TLS_CIPHER_* of linux/tls.h */
	__u8 mode;			/* enum linetls_tx_mode */
	__u8 path;			/* enum linetls_tx_path */
	__u8 reason;			/* enum linetls_tx_reason */
	__u8 file_reason;		/* enum linetls_file_reason */
	__u32 ifindex;			/* offloading device, 0: none */
	__u32 records_tracked;		/* not yet acknowledged */
	__u64 records;			/* sent so far */
	__u64 device_packets;		/* handed to the device to encrypt */
	__u64 device_bytes;
	__u64 software_packets;		/* encrypted in front of a device */
	__u64 software_bytes;
	__u64 dropped_packets;		/* could not be encrypted */
	__u64 zerocopy_bytes;		/* sent out of the page cache */
	__u64 copied_bytes;		/* of sendfile() and splice(), copied */
	__u64 resyncs;			/* device packets out of order */
	__u32 fallbacks;		/* from a device to software */
	__u32 reoffloads;		/* from software to a device */
	__u8 fallback_reason;		/* of the last fallback */
	__u8 pad[7];
};

#endif
