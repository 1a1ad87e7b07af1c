// SPDX-License-Identifier: GPL-2.0
/* struct proto_ops::sendpage_locked, until 6.4 */
#include <linux/net.h>
#include <net/sock.h>

void probe(struct proto_ops *ops);
void probe(struct proto_ops *ops)
{
	ops->sendpage_locked = NULL;
}
