// SPDX-License-Identifier: Dual MIT/GPL
/*
 * Lists of guest pages, in as many messages as they need: docs/protocol/vmbus.md 1.3.
 */
#include <linux/mm.h>

#include "ubus.h"

#define HEADER_PAGES	26
#define BODY_PAGES	28
#define MAX_PAGES	((U16_MAX - sizeof(struct gpa_range)) / sizeof(u64))

struct header_message {
	struct vmbus_channel_gpadl_header header;
	struct gpa_range range;
	u64 pages[HEADER_PAGES];
} __packed;

struct body_message {
	struct vmbus_channel_gpadl_body header;
	u64 pages[BODY_PAGES];
} __packed;

static int send_pages(struct ubus *bus, u32 relid, u32 handle, u32 bytes, ubus_page_number number, const void *context)
{
	unsigned int count = DIV_ROUND_UP(bytes, PAGE_SIZE), sent, i;
	struct header_message first = {
		.header.header.msgtype = CHANNELMSG_GPADL_HEADER,
		.header.child_relid = relid,
		.header.gpadl = handle,
		.header.range_buflen = sizeof(struct gpa_range) + count * sizeof(u64),
		.header.rangecount = 1,
		.range.byte_count = bytes,
	};
	int ret;

	sent = min_t(unsigned int, count, HEADER_PAGES);
	for (i = 0; i < sent; i++)
		first.pages[i] = number(context, i);
	ret = ubus_send(bus, &first, offsetof(struct header_message, pages) + sent * sizeof(u64));
	while (!ret && sent < count) {
		struct body_message body = {
			.header.header.msgtype = CHANNELMSG_GPADL_BODY,
			.header.gpadl = handle,
		};
		unsigned int part = min_t(unsigned int, count - sent, BODY_PAGES);

		for (i = 0; i < part; i++)
			body.pages[i] = number(context, sent + i);
		ret = ubus_send(bus, &body, offsetof(struct body_message, pages) + part * sizeof(u64));
		sent += part;
	}
	return ret;
}

int ubus_gpadl_create(struct ubus *bus, u32 relid, u32 bytes, ubus_page_number number, const void *context,
		      u32 *handle)
{
	struct ubus_waiter waiter;
	u32 name;
	int ret;

	if (!bytes || DIV_ROUND_UP(bytes, PAGE_SIZE) > MAX_PAGES)
		return -EINVAL;
	do
		name = atomic_inc_return(&bus->next_gpadl);
	while (!name);
	ubus_wait_begin(bus, &waiter, CHANNELMSG_GPADL_CREATED, name);
	ret = ubus_wait(bus, &waiter, send_pages(bus, relid, name, bytes, number, context));
	if (!ret && waiter.status)
		ret = -EDQUOT;
	if (!ret)
		*handle = name;
	return ret;
}

int ubus_gpadl_destroy(struct ubus *bus, u32 relid, u32 handle)
{
	struct vmbus_channel_gpadl_teardown message = {
		.header.msgtype = CHANNELMSG_GPADL_TEARDOWN,
		.child_relid = relid,
		.gpadl = handle,
	};
	struct ubus_waiter waiter;

	ubus_wait_begin(bus, &waiter, CHANNELMSG_GPADL_TORNDOWN, handle);
	return ubus_wait(bus, &waiter, ubus_send(bus, &message, sizeof(message)));
}

static u64 buffer_page_number(const void *context, unsigned int index)
{
	const void *page = context + ((size_t)index << PAGE_SHIFT);

	return is_vmalloc_addr(page) ? vmalloc_to_pfn(page) : page_to_pfn(virt_to_page(page));
}

int vmbus_establish_gpadl(struct vmbus_channel *channel, void *buffer, u32 bytes, struct vmbus_gpadl *gpadl)
{
	int ret;

	if (offset_in_page(buffer))
		return -EINVAL;
	ret = ubus_gpadl_create(to_ubus_channel(channel)->bus, channel->offermsg.child_relid, bytes,
				buffer_page_number, buffer, &gpadl->gpadl_handle);
	if (ret)
		return ret;
	gpadl->buffer = buffer;
	gpadl->size = bytes;
	return 0;
}
EXPORT_SYMBOL_GPL(vmbus_establish_gpadl);

int vmbus_teardown_gpadl(struct vmbus_channel *channel, struct vmbus_gpadl *gpadl)
{
	int ret = ubus_gpadl_destroy(to_ubus_channel(channel)->bus, channel->offermsg.child_relid,
				     gpadl->gpadl_handle);

	gpadl->gpadl_handle = 0;
	return ret;
}
EXPORT_SYMBOL_GPL(vmbus_teardown_gpadl);
