// SPDX-License-Identifier: GPL-2.0
/* shrinker_alloc(), since 6.7; before: register_shrinker() */
#include <linux/shrinker.h>

struct shrinker *probe(void);
struct shrinker *probe(void)
{
	return shrinker_alloc(0, "probe");
}
