// SPDX-License-Identifier: GPL-2.0
/* skb_frag_fill_page_desc(), since 6.5; before: __skb_frag_set_page() */
#include <linux/skbuff.h>

void probe(skb_frag_t *frag, struct page *page);
void probe(skb_frag_t *frag, struct page *page)
{
	skb_frag_fill_page_desc(frag, page, 0, 1);
}
