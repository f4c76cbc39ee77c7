// SPDX-License-Identifier: Dual MIT/GPL
/*
 * What was signalled, and how far rings are: understudy_bus/channels in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "ubus.h"

static void show_ring(struct seq_file *file, const char *name, const struct hv_ring_buffer_info *ring)
{
	const struct hv_ring_buffer *page = ring->ring_buffer;

	seq_printf(file, "    %s: read %u write %u of %u, mask %u, pending %u\n", name, READ_ONCE(page->read_index),
		   READ_ONCE(page->write_index), ring->ring_datasize, READ_ONCE(page->interrupt_mask),
		   READ_ONCE(page->pending_send_sz));
}

static void show_channel(struct seq_file *file, const struct ubus_channel *own)
{
	const struct vmbus_channel *channel = &own->channel;

	seq_printf(file, "  relid %u: interrupts %llu, doorbells %llu, for room %llu, full %llu%s\n",
		   channel->offermsg.child_relid, channel->interrupts, channel->sig_events, channel->intr_in_full,
		   channel->out_full_total, own->broken ? ", broken" : "");
	show_ring(file, "to host", &channel->outbound);
	show_ring(file, "to guest", &channel->inbound);
}

static int channels_show(struct seq_file *file, void *unused)
{
	struct ubus *bus = file->private;
	struct ubus_channel *own;
	unsigned int i;

	seq_printf(file, "host %s, functions %u, configuration writes %llu\n", READ_ONCE(bus->gone) ? "gone" : "serving",
		   le32_to_cpu(bus->guest->generation_seen), bus->configuration_writes);
	seq_printf(file, "control: sent %llu, received %llu\n", bus->control_sent, bus->control_received);
	show_ring(file, "to host", &bus->control.outbound);
	show_ring(file, "to guest", &bus->control.inbound);
	for (i = 1; i < bus->vector_count; i++) {
		struct ubus_vector *vector = &bus->vectors[i];

		seq_printf(file, "vector %u\n", i);
		spin_lock_irq(&vector->lock);
		list_for_each_entry(own, &vector->channels, in_vector)
			show_channel(file, own);
		spin_unlock_irq(&vector->lock);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(channels);

void ubus_statistics_begin(struct ubus *bus)
{
	bus->statistics = debugfs_create_dir(UBUS_NAME, NULL);
	debugfs_create_file("channels", 0400, bus->statistics, bus, &channels_fops);
}

void ubus_statistics_end(struct ubus *bus)
{
	debugfs_remove(bus->statistics);
}
