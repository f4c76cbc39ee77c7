/* SPDX-License-Identifier: Dual MIT/GPL */
/*
 * understudy_bus: VMBus over the memory of an ivshmem-doorbell device.
 *
 * Locks, outermost first: pci_rescan_remove, gpadl and ring area mutexes, vector locks, waiter lock, ring locks. The
 * configuration lock is taken inside of anything.
 */
#ifndef UNDERSTUDY_UBUS_H
#define UNDERSTUDY_UBUS_H

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/hyperv.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/barrier.h>

#include "layout.h"

#define UBUS_NAME	"understudy_bus"
#define UBUS_PATIENCE	(60 * HZ)

struct ubus;

/* Open channels that share an interrupt (ivshmem.md 8). */
struct ubus_vector {
	struct ubus *bus;
	unsigned int index;
	spinlock_t lock;		/* the list; taken in interrupts */
	struct list_head channels;
};

struct ubus_channel {
	struct vmbus_channel channel;	/* what drivers see */
	struct hv_device hdev;		/* its release frees this structure */
	struct ubus *bus;
	struct ubus_vector *vector;
	struct list_head in_bus;	/* only events work touches it */
	struct list_head in_vector;
	bool closing;
	bool broken;			/* the host's ring made no sense */
	unsigned int ring_page;		/* in the ring area */
};

/* Somebody who waits for the answer to a control message. */
struct ubus_waiter {
	struct list_head in_bus;
	u32 type;			/* CHANNELMSG_ of the answer */
	u32 key;			/* relid or GPADL, 0: the type is enough */
	u32 status;
	bool answered;
	struct completion done;
};

struct ubus {
	struct pci_dev *pdev;
	void __iomem *registers;
	phys_addr_t address;		/* of the memory */
	void *memory;			/* all but the IO space */
	struct ubus_header *header;
	struct ubus_guest_page *guest;
	bool gone;			/* the host, for good */
	bool offers_wanted;		/* the rings are there */
	bool stopping;			/* no event is queued any more */

	unsigned int vector_count;
	struct ubus_vector vectors[UBUS_MAX_VECTORS];
	wait_queue_head_t attach_wait;

	struct vmbus_channel control;	/* only its rings are used */
	struct workqueue_struct *control_queue;
	struct work_struct control_work;
	spinlock_t waiter_lock;
	struct list_head waiters;

	/* Offers, rescinds and functions, in the order of the host. Never waited for by control work. */
	struct workqueue_struct *event_queue;
	struct list_head channels;
	bool offers_delivered;

	struct mutex ring_mutex;	/* the map of the ring area */
	unsigned long *ring_map;
	unsigned int ring_pages;
	void *ring_memory;
	u64 ring_offset;

	atomic_t next_gpadl;
	struct resource io_space;
	struct mutex io_mutex;

	struct pci_bus *root;
	struct pci_sysdata sysdata;
	struct resource bus_numbers;
	struct work_struct function_work;
	raw_spinlock_t configuration_lock;
	u64 configuration_writes;

	struct dentry *statistics;
	u64 control_sent, control_received;
};

static inline struct ubus_channel *to_ubus_channel(struct vmbus_channel *channel)
{
	return container_of(channel, struct ubus_channel, channel);
}

static inline void ubus_ring_doorbell(struct ubus *bus, unsigned int vector)
{
	writel(le32_to_cpu(bus->header->host_peer) << 16 | vector, bus->registers + IVSHMEM_DOORBELL);
}

static inline u32 ubus_load(const __le32 *field)
{
	return le32_to_cpu((__force __le32)virt_load_acquire((const u32 __force *)field));
}

static inline void ubus_store(__le32 *field, u32 value)
{
	virt_store_release((u32 __force *)field, (__force u32)cpu_to_le32(value));
}

/* attach.c */
int ubus_map(struct ubus *bus);
void ubus_unmap(struct ubus *bus);
int ubus_attach(struct ubus *bus);
bool ubus_check_gone(struct ubus *bus);

/* ring.c */
void ubus_ring_begin(struct hv_ring_buffer_info *ring, void *memory, u32 bytes);
int ubus_ring_write(struct hv_ring_buffer_info *ring, u16 type, u16 flags, u64 id, const void *data, u32 bytes,
		    bool *signal);
struct vmpacket_descriptor *ubus_ring_first(struct hv_ring_buffer_info *ring, bool *broken);
void ubus_ring_advance(struct hv_ring_buffer_info *ring, const struct vmpacket_descriptor *packet);
bool ubus_ring_finish(struct hv_ring_buffer_info *ring);
void ubus_ring_mask(struct hv_ring_buffer_info *ring);
bool ubus_ring_unmask(struct hv_ring_buffer_info *ring);

/* control.c */
int ubus_control_begin(struct ubus *bus);
void ubus_control_end(struct ubus *bus);
int ubus_send(struct ubus *bus, const void *message, u32 bytes);
void ubus_wait_begin(struct ubus *bus, struct ubus_waiter *waiter, u32 type, u32 key);
int ubus_wait(struct ubus *bus, struct ubus_waiter *waiter, int sent);
int ubus_contact(struct ubus *bus);
void ubus_unload(struct ubus *bus);
void ubus_fail_waiters(struct ubus *bus);

/* channel.c */
void ubus_channel_init(struct ubus_channel *channel);
void ubus_vector_interrupt(struct ubus_vector *vector);

/* gpadl.c */
typedef u64 (*ubus_page_number)(const void *context, unsigned int index);
int ubus_gpadl_create(struct ubus *bus, u32 relid, u32 bytes, ubus_page_number number, const void *context,
		      u32 *handle);
int ubus_gpadl_destroy(struct ubus *bus, u32 relid, u32 handle);

/* bus.c */
extern struct bus_type ubus_type;
void ubus_queue_offer(struct ubus *bus, const struct vmbus_channel_offer_channel *offer);
void ubus_queue_rescind(struct ubus *bus, u32 relid);
void ubus_remove_channels(struct ubus *bus);

/* functions.c */
void ubus_functions_begin(struct ubus *bus);
void ubus_functions_changed(struct ubus *bus);
void ubus_functions_end(struct ubus *bus);

/* mmio.c */
void ubus_mmio_begin(struct ubus *bus);
void ubus_mmio_end(struct ubus *bus);

/* statistics.c */
void ubus_statistics_begin(struct ubus *bus);
void ubus_statistics_end(struct ubus *bus);

/* main.c: the one bus there is, for calls that name no device. */
extern struct ubus *ubus_only;

#endif
