// SPDX-License-Identifier: Dual MIT/GPL
/*
 * Control messages (docs/protocol/vmbus.md 1.3) in rings of their own (docs/protocol/ivshmem.md 6).
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "ubus.h"

#define MAX_MESSAGE		240
#define MESSAGE_SINT		2

/* The host always takes messages out of the ring, so this waits for room rather than to fail. */
int ubus_send(struct ubus *bus, const void *message, u32 bytes)
{
	unsigned long end = jiffies + UBUS_PATIENCE;
	bool signal;
	int ret;

	for (;;) {
		if (READ_ONCE(bus->gone))
			return -ENODEV;
		ret = ubus_ring_write(&bus->control.outbound, VM_PKT_DATA_INBAND, 0, 0, message, bytes, &signal);
		if (ret != -EAGAIN)
			break;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(50, 200);
	}
	if (ret)
		return ret;
	bus->control_sent++;
	if (signal)
		ubus_ring_doorbell(bus, 0);
	return 0;
}

void ubus_wait_begin(struct ubus *bus, struct ubus_waiter *waiter, u32 type, u32 key)
{
	waiter->type = type;
	waiter->key = key;
	waiter->status = 0;
	waiter->answered = false;
	init_completion(&waiter->done);
	spin_lock(&bus->waiter_lock);
	list_add_tail(&waiter->in_bus, &bus->waiters);
	spin_unlock(&bus->waiter_lock);
}

/* Waits for the answer to a message that was sent with the result `sent`. */
int ubus_wait(struct ubus *bus, struct ubus_waiter *waiter, int sent)
{
	if (!sent && !READ_ONCE(bus->gone))
		wait_for_completion_timeout(&waiter->done, UBUS_PATIENCE);
	spin_lock(&bus->waiter_lock);
	list_del(&waiter->in_bus);
	spin_unlock(&bus->waiter_lock);
	if (sent)
		return sent;
	if (waiter->answered)
		return 0;
	return READ_ONCE(bus->gone) ? -ENODEV : -ETIMEDOUT;
}

static void answered(struct ubus *bus, u32 type, u32 key, u32 status)
{
	struct ubus_waiter *waiter;

	spin_lock(&bus->waiter_lock);
	list_for_each_entry(waiter, &bus->waiters, in_bus) {
		if (waiter->answered || waiter->type != type || (waiter->key && waiter->key != key))
			continue;
		waiter->answered = true;
		waiter->status = status;
		complete(&waiter->done);
		break;
	}
	spin_unlock(&bus->waiter_lock);
}

void ubus_fail_waiters(struct ubus *bus)
{
	struct ubus_waiter *waiter;

	spin_lock(&bus->waiter_lock);
	list_for_each_entry(waiter, &bus->waiters, in_bus)
		complete(&waiter->done);
	spin_unlock(&bus->waiter_lock);
}

static bool is_long_enough(const struct ubus *bus, u32 type, u32 bytes)
{
	static const u8 sizes[CHANNELMSG_COUNT] = {
		[CHANNELMSG_OFFERCHANNEL] = sizeof(struct vmbus_channel_offer_channel),
		[CHANNELMSG_RESCIND_CHANNELOFFER] = sizeof(struct vmbus_channel_rescind_offer),
		[CHANNELMSG_ALLOFFERS_DELIVERED] = sizeof(struct vmbus_channel_message_header),
		[CHANNELMSG_OPENCHANNEL_RESULT] = sizeof(struct vmbus_channel_open_result),
		[CHANNELMSG_GPADL_CREATED] = sizeof(struct vmbus_channel_gpadl_created),
		[CHANNELMSG_GPADL_TORNDOWN] = sizeof(struct vmbus_channel_gpadl_torndown),
		[CHANNELMSG_VERSION_RESPONSE] = offsetof(struct vmbus_channel_version_response, msg_conn_id),
		[CHANNELMSG_UNLOAD_RESPONSE] = sizeof(struct vmbus_channel_message_header),
	};

	if (type < CHANNELMSG_COUNT && sizes[type] && bytes >= sizes[type])
		return true;
	dev_err_ratelimited(&bus->pdev->dev, "control message %u of %u bytes is ignored\n", type, bytes);
	return false;
}

static void received(struct ubus *bus, const void *data, u32 bytes)
{
	const union {
		struct vmbus_channel_message_header header;
		struct vmbus_channel_offer_channel offer;
		struct vmbus_channel_rescind_offer rescind;
		struct vmbus_channel_open_result opened;
		struct vmbus_channel_gpadl_created created;
		struct vmbus_channel_gpadl_torndown torndown;
		struct vmbus_channel_version_response version;
	} *message = data;
	u32 type;

	if (bytes < sizeof(message->header))
		return;
	type = message->header.msgtype;
	if (!is_long_enough(bus, type, bytes))
		return;
	bus->control_received++;
	switch (type) {
	case CHANNELMSG_OFFERCHANNEL:
		ubus_queue_offer(bus, &message->offer);
		break;
	case CHANNELMSG_RESCIND_CHANNELOFFER:
		ubus_queue_rescind(bus, message->rescind.child_relid);
		break;
	case CHANNELMSG_ALLOFFERS_DELIVERED:
		WRITE_ONCE(bus->offers_delivered, true);
		ubus_functions_changed(bus);
		break;
	case CHANNELMSG_OPENCHANNEL_RESULT:
		answered(bus, type, message->opened.child_relid, message->opened.status);
		break;
	case CHANNELMSG_GPADL_CREATED:
		answered(bus, type, message->created.gpadl, message->created.creation_status);
		break;
	case CHANNELMSG_GPADL_TORNDOWN:
		answered(bus, type, message->torndown.gpadl, 0);
		break;
	case CHANNELMSG_VERSION_RESPONSE:
		answered(bus, type, 0, message->version.version_supported && !message->version.connection_state);
		break;
	case CHANNELMSG_UNLOAD_RESPONSE:
		answered(bus, type, 0, 0);
		break;
	}
}

/* Drivers' probes wait for what is received here, so nothing in here waits for them. */
static void control_work(struct work_struct *work)
{
	struct ubus *bus = container_of(work, struct ubus, control_work);
	struct hv_ring_buffer_info *ring = &bus->control.inbound;
	struct vmpacket_descriptor *packet;
	bool broken = false;

	if (ubus_check_gone(bus)) {
		ubus_fail_waiters(bus);
		return;
	}
	do {
		ubus_ring_mask(ring);
		while ((packet = ubus_ring_first(ring, &broken))) {
			received(bus, hv_pkt_data(packet), hv_pkt_datalen(packet));
			ubus_ring_advance(ring, packet);
		}
		if (ubus_ring_finish(ring))
			ubus_ring_doorbell(bus, 0);
		if (broken) {
			dev_err(&bus->pdev->dev, "the host's control ring makes no sense\n");
			WRITE_ONCE(bus->gone, true);
			ubus_fail_waiters(bus);
			return;
		}
	} while (ubus_ring_unmask(ring));
	if (READ_ONCE(bus->offers_delivered))
		ubus_functions_changed(bus);
}

int ubus_control_begin(struct ubus *bus)
{
	u32 bytes = le64_to_cpu(bus->header->control_bytes);

	/* Attaching has emptied the rings; the mask and the feature bits are the host's doing. */
	ubus_ring_begin(&bus->control.outbound, bus->memory + le64_to_cpu(bus->header->control_out), bytes);
	ubus_ring_begin(&bus->control.inbound, bus->memory + le64_to_cpu(bus->header->control_in), bytes);
	bus->control.inbound.pkt_buffer_size = ALIGN(sizeof(struct vmpacket_descriptor) + MAX_MESSAGE, 8);
	bus->control.inbound.pkt_buffer = kzalloc(bus->control.inbound.pkt_buffer_size, GFP_KERNEL);
	if (!bus->control.inbound.pkt_buffer)
		return -ENOMEM;
	INIT_WORK(&bus->control_work, control_work);
	bus->control_queue = alloc_ordered_workqueue(UBUS_NAME "_control", WQ_HIGHPRI);
	if (!bus->control_queue) {
		kfree(bus->control.inbound.pkt_buffer);
		return -ENOMEM;
	}
	return 0;
}

void ubus_control_end(struct ubus *bus)
{
	destroy_workqueue(bus->control_queue);
	kfree(bus->control.inbound.pkt_buffer);
}

int ubus_contact(struct ubus *bus)
{
	static const u32 versions[] = {
		VERSION_WIN10_V5_3, VERSION_WIN10_V5_2, VERSION_WIN10_V5_1, VERSION_WIN10_V5,
		VERSION_WIN10_V4_1, VERSION_WIN10, VERSION_WIN8_1, VERSION_WIN8,
	};
	struct vmbus_channel_message_header offers = { .msgtype = CHANNELMSG_REQUESTOFFERS };
	struct ubus_waiter waiter;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		struct vmbus_channel_initiate_contact contact = {
			.header.msgtype = CHANNELMSG_INITIATE_CONTACT,
			.vmbus_version_requested = versions[i],
		};

		if (versions[i] >= VERSION_WIN10_V5)
			contact.msg_sint = MESSAGE_SINT;
		ubus_wait_begin(bus, &waiter, CHANNELMSG_VERSION_RESPONSE, 0);
		ret = ubus_wait(bus, &waiter, ubus_send(bus, &contact, sizeof(contact)));
		if (ret)
			return ret;
		if (waiter.status) {
			dev_info(&bus->pdev->dev, "VMBus %u.%u\n", versions[i] >> 16, versions[i] & 0xffff);
			return ubus_send(bus, &offers, sizeof(offers));
		}
	}
	dev_err(&bus->pdev->dev, "the host speaks none of the versions of VMBus\n");
	return -EPROTO;
}

void ubus_unload(struct ubus *bus)
{
	struct vmbus_channel_message_header unload = { .msgtype = CHANNELMSG_UNLOAD };
	struct ubus_waiter waiter;

	ubus_wait_begin(bus, &waiter, CHANNELMSG_UNLOAD_RESPONSE, 0);
	if (ubus_wait(bus, &waiter, ubus_send(bus, &unload, sizeof(unload))))
		dev_warn(&bus->pdev->dev, "no answer to UNLOAD\n");
}
