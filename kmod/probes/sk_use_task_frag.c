// SPDX-License-Identifier: GPL-2.0
/* struct sock::sk_use_task_frag, since 6.2 and in stable kernels */
#include <net/sock.h>

bool probe(const struct sock *sk);
bool probe(const struct sock *sk)
{
	return sk->sk_use_task_frag;
}
