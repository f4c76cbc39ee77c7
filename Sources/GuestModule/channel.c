// SPDX-License-Identifier: Dual MIT/GPL
/*
 * What drivers do with channels: docs/protocol/ivshmem.md 8.
 */
#include <linux/interrupt.h>
#include <linux/slab.h>

#include "ubus.h"

/* Of an interrupt's channels any may have something. */
void ubus_vector_interrupt(struct ubus_vector *vector)
{
	struct ubus_channel *channel;

	spin_lock(&vector->lock);
	list_for_each_entry(channel, &vector->channels, in_vector) {
		channel->channel.interrupts++;
		ubus_ring_mask(&channel->channel.inbound);
		tasklet_schedule(&channel->channel.callback_event);
	}
	spin_unlock(&vector->lock);
}

static void receive(unsigned long data)
{
	struct vmbus_channel *channel = (struct vmbus_channel *)data;
	struct ubus_channel *own = to_ubus_channel(channel);

	if (READ_ONCE(own->closing) || own->broken)
		return;
	channel->onchannel_callback(channel->channel_callback_context);
	if (own->broken) {
		dev_err(&own->hdev.device, "the host's ring makes no sense\n");
		return;
	}
	if (ubus_ring_unmask(&channel->inbound)) {
		ubus_ring_mask(&channel->inbound);
		tasklet_schedule(&channel->callback_event);
	}
}

void ubus_channel_init(struct ubus_channel *own)
{
	own->channel.state = CHANNEL_OPEN_STATE;
	spin_lock_init(&own->channel.sched_lock);
	tasklet_init(&own->channel.callback_event, receive, (unsigned long)&own->channel);
}

static int take_pages(struct ubus *bus, unsigned int count, unsigned int *page)
{
	unsigned long found;

	mutex_lock(&bus->ring_mutex);
	found = bitmap_find_next_zero_area(bus->ring_map, bus->ring_pages, 0, count, 0);
	if (found < bus->ring_pages)
		bitmap_set(bus->ring_map, found, count);
	mutex_unlock(&bus->ring_mutex);
	*page = found;
	return found < bus->ring_pages ? 0 : -ENOMEM;
}

static void return_pages(struct ubus *bus, unsigned int page, unsigned int count)
{
	mutex_lock(&bus->ring_mutex);
	bitmap_clear(bus->ring_map, page, count);
	mutex_unlock(&bus->ring_mutex);
}

static u64 ring_page_number(const void *context, unsigned int index)
{
	const struct ubus_channel *own = context;
	u64 first = own->bus->address + own->bus->ring_offset;

	return (first >> PAGE_SHIFT) + own->ring_page + index;
}

static void listen(struct ubus_channel *own, bool on)
{
	unsigned long irq;

	spin_lock_irqsave(&own->vector->lock, irq);
	if (on)
		list_add_tail(&own->in_vector, &own->vector->channels);
	else
		list_del(&own->in_vector);
	spin_unlock_irqrestore(&own->vector->lock, irq);
}

/* After this no callback runs. */
static void silence(struct ubus_channel *own)
{
	listen(own, false);
	WRITE_ONCE(own->closing, true);
	tasklet_kill(&own->channel.callback_event);
}

/* The host leaves the rings at the latest with TORNDOWN; without it their pages are lost rather than used again. */
static void release_rings(struct ubus_channel *own)
{
	struct vmbus_channel *channel = &own->channel;

	if (!ubus_gpadl_destroy(own->bus, channel->offermsg.child_relid, channel->ringbuffer_gpadlhandle.gpadl_handle))
		return_pages(own->bus, own->ring_page, channel->ringbuffer_pagecount);
	channel->ringbuffer_gpadlhandle.gpadl_handle = 0;
	kvfree(channel->inbound.pkt_buffer);
	channel->inbound.pkt_buffer = NULL;
}

static int make_rings(struct ubus_channel *own, u32 send_bytes, u32 receive_bytes)
{
	struct vmbus_channel *channel = &own->channel;
	u32 bytes = send_bytes + receive_bytes;
	void *memory;
	int ret;

	channel->ringbuffer_pagecount = bytes >> PAGE_SHIFT;
	channel->ringbuffer_send_offset = send_bytes >> PAGE_SHIFT;
	ret = take_pages(own->bus, channel->ringbuffer_pagecount, &own->ring_page);
	if (ret)
		return ret;
	memory = own->bus->ring_memory + ((size_t)own->ring_page << PAGE_SHIFT);
	memset(memory, 0, sizeof(struct hv_ring_buffer));
	memset(memory + send_bytes, 0, sizeof(struct hv_ring_buffer));
	ubus_ring_begin(&channel->outbound, memory, send_bytes);
	ubus_ring_begin(&channel->inbound, memory + send_bytes, receive_bytes);
	channel->inbound.pkt_buffer_size = channel->max_pkt_size ?: VMBUS_DEFAULT_MAX_PKT_SIZE;
	channel->inbound.pkt_buffer = kvzalloc(channel->inbound.pkt_buffer_size, GFP_KERNEL);
	ret = channel->inbound.pkt_buffer ? 0 : -ENOMEM;
	if (!ret)
		ret = ubus_gpadl_create(own->bus, channel->offermsg.child_relid, bytes, ring_page_number, own,
					&channel->ringbuffer_gpadlhandle.gpadl_handle);
	if (ret) {
		/* A host that did not answer may yet have the pages. */
		if (ret != -ETIMEDOUT)
			return_pages(own->bus, own->ring_page, channel->ringbuffer_pagecount);
		kvfree(channel->inbound.pkt_buffer);
		channel->inbound.pkt_buffer = NULL;
	}
	return ret;
}

int vmbus_open(struct vmbus_channel *channel, u32 send_bytes, u32 receive_bytes, void *user_data, u32 user_bytes,
	       void (*callback)(void *context), void *context)
{
	struct ubus_channel *own = to_ubus_channel(channel);
	struct vmbus_channel_open_channel message = {
		.header.msgtype = CHANNELMSG_OPENCHANNEL,
		.child_relid = channel->offermsg.child_relid,
		.openid = channel->offermsg.child_relid,
	};
	struct ubus_waiter waiter;
	int ret;

	if (channel->state != CHANNEL_OPEN_STATE || channel->rescind)
		return -EINVAL;
	if (!callback || user_bytes > sizeof(message.userdata) || !PAGE_ALIGNED(send_bytes | receive_bytes) ||
	    send_bytes < 2 * PAGE_SIZE || receive_bytes < 2 * PAGE_SIZE || send_bytes > SZ_16M || receive_bytes > SZ_16M)
		return -EINVAL;
	if (user_bytes)
		memcpy(message.userdata, user_data, user_bytes);
	ret = make_rings(own, send_bytes, receive_bytes);
	if (ret)
		return ret;

	channel->state = CHANNEL_OPENING_STATE;
	channel->channel_callback_context = context;
	channel->onchannel_callback = callback;
	own->closing = false;
	own->broken = false;
	listen(own, true);
	message.ringbuffer_gpadlhandle = channel->ringbuffer_gpadlhandle.gpadl_handle;
	message.downstream_ringbuffer_pageoffset = channel->ringbuffer_send_offset;
	ubus_wait_begin(own->bus, &waiter, CHANNELMSG_OPENCHANNEL_RESULT, message.child_relid);
	ret = ubus_wait(own->bus, &waiter, ubus_send(own->bus, &message, sizeof(message)));
	if (!ret && waiter.status) {
		dev_err(&own->hdev.device, "the host does not open the channel: %x\n", waiter.status);
		ret = -EAGAIN;
	}
	if (ret) {
		silence(own);
		channel->onchannel_callback = NULL;
		release_rings(own);
		channel->state = CHANNEL_OPEN_STATE;
		return ret;
	}
	channel->state = CHANNEL_OPENED_STATE;
	return 0;
}
EXPORT_SYMBOL_GPL(vmbus_open);

void vmbus_close(struct vmbus_channel *channel)
{
	struct ubus_channel *own = to_ubus_channel(channel);
	struct vmbus_channel_close_channel message = {
		.header.msgtype = CHANNELMSG_CLOSECHANNEL,
		.child_relid = channel->offermsg.child_relid,
	};

	if (channel->state != CHANNEL_OPENED_STATE)
		return;
	silence(own);
	channel->onchannel_callback = NULL;
	ubus_send(own->bus, &message, sizeof(message));
	release_rings(own);
	channel->state = CHANNEL_OPEN_STATE;
}
EXPORT_SYMBOL_GPL(vmbus_close);

int vmbus_sendpacket(struct vmbus_channel *channel, void *buffer, u32 bytes, u64 id, enum vmbus_packet_type type,
		     u32 flags)
{
	struct ubus_channel *own = to_ubus_channel(channel);
	bool signal;
	int ret;

	if (channel->rescind || READ_ONCE(own->bus->gone))
		return -ENODEV;
	ret = ubus_ring_write(&channel->outbound, type, flags, id, buffer, bytes, &signal);
	if (ret == -EAGAIN)
		channel->out_full_total++;
	if (signal) {
		channel->sig_events++;
		ubus_ring_doorbell(own->bus, own->vector->index);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(vmbus_sendpacket);

struct vmpacket_descriptor *hv_pkt_iter_first(struct vmbus_channel *channel)
{
	struct ubus_channel *own = to_ubus_channel(channel);

	return own->broken ? NULL : ubus_ring_first(&channel->inbound, &own->broken);
}
EXPORT_SYMBOL_GPL(hv_pkt_iter_first);

struct vmpacket_descriptor *__hv_pkt_iter_next(struct vmbus_channel *channel, const struct vmpacket_descriptor *packet)
{
	ubus_ring_advance(&channel->inbound, packet);
	return hv_pkt_iter_first(channel);
}
EXPORT_SYMBOL_GPL(__hv_pkt_iter_next);

void hv_pkt_iter_close(struct vmbus_channel *channel)
{
	struct ubus_channel *own = to_ubus_channel(channel);

	if (ubus_ring_finish(&channel->inbound)) {
		channel->intr_in_full++;
		ubus_ring_doorbell(own->bus, own->vector->index);
	}
}
EXPORT_SYMBOL_GPL(hv_pkt_iter_close);
