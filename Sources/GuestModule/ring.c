// SPDX-License-Identifier: Dual MIT/GPL
/*
 * Both ends of rings in shared memory: docs/protocol/ivshmem.md 10.
 *
 * Indexes that the host writes, or could, are read once and checked: a mistake of the host must not become one here.
 */
#include <linux/slab.h>

#include "ubus.h"

#define TRAILER		sizeof(u64)

static bool index_is_good(const struct hv_ring_buffer_info *ring, u32 index)
{
	return index < ring->ring_datasize && IS_ALIGNED(index, sizeof(u64));
}

static u32 bytes_between(const struct hv_ring_buffer_info *ring, u32 read, u32 write)
{
	return write >= read ? write - read : ring->ring_datasize - read + write;
}

void ubus_ring_begin(struct hv_ring_buffer_info *ring, void *memory, u32 bytes)
{
	ring->ring_buffer = memory;
	ring->ring_size = bytes;
	ring->ring_datasize = bytes - sizeof(struct hv_ring_buffer);
	ring->priv_read_index = 0;
	spin_lock_init(&ring->ring_lock);
	mutex_init(&ring->ring_buffer_mutex);
}

static u32 copy_in(struct hv_ring_buffer_info *ring, u32 at, const void *from, u32 bytes)
{
	u32 first = min(bytes, ring->ring_datasize - at);

	memcpy(ring->ring_buffer->buffer + at, from, first);
	memcpy(ring->ring_buffer->buffer, from + first, bytes - first);
	at += bytes;
	return at >= ring->ring_datasize ? at - ring->ring_datasize : at;
}

static void copy_out(const struct hv_ring_buffer_info *ring, u32 at, void *to, u32 bytes)
{
	u32 first = min(bytes, ring->ring_datasize - at);

	memcpy(to, ring->ring_buffer->buffer + at, first);
	memcpy(to + first, ring->ring_buffer->buffer, bytes - first);
}

/* -EAGAIN: there is no room at present. */
int ubus_ring_write(struct hv_ring_buffer_info *ring, u16 type, u16 flags, u64 id, const void *data, u32 bytes,
		    bool *signal)
{
	struct vmpacket_descriptor descriptor = {};
	u32 length, old, at, read;
	u64 filler = 0, trailer;
	unsigned long irq;

	*signal = false;
	if (bytes > ring->ring_datasize)
		return -EMSGSIZE;
	length = ALIGN(sizeof(descriptor) + bytes, sizeof(u64));
	if (length + TRAILER >= ring->ring_datasize || length >> 3 > U16_MAX)
		return -EMSGSIZE;
	descriptor.type = type;
	descriptor.flags = flags;
	descriptor.offset8 = sizeof(descriptor) >> 3;
	descriptor.len8 = length >> 3;
	descriptor.trans_id = id;

	spin_lock_irqsave(&ring->ring_lock, irq);
	old = READ_ONCE(ring->ring_buffer->write_index);
	read = virt_load_acquire(&ring->ring_buffer->read_index);
	if (!index_is_good(ring, old) || !index_is_good(ring, read)) {
		spin_unlock_irqrestore(&ring->ring_lock, irq);
		return -EIO;
	}
	if (length + TRAILER >= ring->ring_datasize - bytes_between(ring, read, old)) {
		spin_unlock_irqrestore(&ring->ring_lock, irq);
		return -EAGAIN;
	}
	at = copy_in(ring, old, &descriptor, sizeof(descriptor));
	at = copy_in(ring, at, data, bytes);
	at = copy_in(ring, at, &filler, length - sizeof(descriptor) - bytes);
	trailer = (u64)old << 32;
	at = copy_in(ring, at, &trailer, sizeof(trailer));
	virt_store_release(&ring->ring_buffer->write_index, at);
	virt_mb();
	if (!READ_ONCE(ring->ring_buffer->interrupt_mask)) {
		virt_rmb();
		*signal = READ_ONCE(ring->ring_buffer->read_index) == old;
	}
	spin_unlock_irqrestore(&ring->ring_lock, irq);
	return 0;
}

/* The next packet as a copy, or NULL; *broken: what is there makes no sense, and nothing more is read. */
struct vmpacket_descriptor *ubus_ring_first(struct hv_ring_buffer_info *ring, bool *broken)
{
	struct vmpacket_descriptor *packet = ring->pkt_buffer;
	u32 write, available, length;

	write = virt_load_acquire(&ring->ring_buffer->write_index);
	if (!index_is_good(ring, write))
		goto broken;
	available = bytes_between(ring, ring->priv_read_index, write);
	if (!available)
		return NULL;
	if (available < sizeof(*packet) + TRAILER)
		goto broken;
	copy_out(ring, ring->priv_read_index, packet, sizeof(*packet));
	length = packet->len8 << 3;
	if (length < sizeof(*packet) || length + TRAILER > available || length > ring->pkt_buffer_size)
		goto broken;
	if (packet->offset8 < sizeof(*packet) >> 3 || packet->offset8 > packet->len8)
		goto broken;
	copy_out(ring, (ring->priv_read_index + sizeof(*packet)) % ring->ring_datasize, packet + 1,
		 length - sizeof(*packet));
	return packet;
broken:
	*broken = true;
	return NULL;
}

void ubus_ring_advance(struct hv_ring_buffer_info *ring, const struct vmpacket_descriptor *packet)
{
	ring->priv_read_index += (packet->len8 << 3) + TRAILER;
	if (ring->priv_read_index >= ring->ring_datasize)
		ring->priv_read_index -= ring->ring_datasize;
}

/* Gives back the room of what was read. True: the host waits for room and there is enough now. */
bool ubus_ring_finish(struct hv_ring_buffer_info *ring)
{
	u32 old = READ_ONCE(ring->ring_buffer->read_index);
	u32 write, pending, before, now;

	virt_store_release(&ring->ring_buffer->read_index, ring->priv_read_index);
	virt_mb();
	pending = READ_ONCE(ring->ring_buffer->pending_send_sz);
	if (!pending || !READ_ONCE(ring->ring_buffer->feature_bits.value))
		return false;
	write = virt_load_acquire(&ring->ring_buffer->write_index);
	if (!index_is_good(ring, old) || !index_is_good(ring, write))
		return false;
	before = ring->ring_datasize - bytes_between(ring, old, write);
	now = ring->ring_datasize - bytes_between(ring, ring->priv_read_index, write);
	return before <= pending && now > pending;
}

void ubus_ring_mask(struct hv_ring_buffer_info *ring)
{
	WRITE_ONCE(ring->ring_buffer->interrupt_mask, 1);
	virt_mb();
}

/* True: something came meanwhile, perhaps without an interrupt. */
bool ubus_ring_unmask(struct hv_ring_buffer_info *ring)
{
	virt_store_release(&ring->ring_buffer->interrupt_mask, 0);
	virt_mb();
	return READ_ONCE(ring->ring_buffer->write_index) != ring->priv_read_index;
}
