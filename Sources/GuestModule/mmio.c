// SPDX-License-Identifier: Dual MIT/GPL
/*
 * The IO space, which drivers take their window from: docs/protocol/ivshmem.md 9.
 */
#include <linux/ioport.h>
#include <linux/slab.h>

#include "ubus.h"

void ubus_mmio_begin(struct ubus *bus)
{
	mutex_init(&bus->io_mutex);
	bus->io_space.name = UBUS_NAME;
	bus->io_space.start = bus->address + le64_to_cpu(bus->header->io_space);
	bus->io_space.end = bus->io_space.start + le64_to_cpu(bus->header->io_bytes) - 1;
	bus->io_space.flags = IORESOURCE_MEM;
}

static void give_back(struct resource *window)
{
	release_resource(window);
	kfree(window);
}

void ubus_mmio_end(struct ubus *bus)
{
	while (bus->io_space.child)
		give_back(bus->io_space.child);
}

int vmbus_allocate_mmio(struct resource **result, struct hv_device *device, resource_size_t min, resource_size_t max,
			resource_size_t bytes, resource_size_t alignment, bool overlap_frame_buffer)
{
	struct ubus *bus = to_ubus_channel(device->channel)->bus;
	struct resource *window = kzalloc(sizeof(*window), GFP_KERNEL);
	int ret;

	if (!window)
		return -ENOMEM;
	window->name = dev_name(&bus->pdev->dev);
	window->flags = IORESOURCE_MEM;
	mutex_lock(&bus->io_mutex);
	ret = allocate_resource(&bus->io_space, window, bytes, min, max, alignment, NULL, NULL);
	mutex_unlock(&bus->io_mutex);
	if (ret)
		kfree(window);
	else
		*result = window;
	return ret;
}
EXPORT_SYMBOL_GPL(vmbus_allocate_mmio);

void vmbus_free_mmio(resource_size_t start, resource_size_t bytes)
{
	struct ubus *bus = ubus_only;
	struct resource *window;

	if (!bus)
		return;
	mutex_lock(&bus->io_mutex);
	for (window = bus->io_space.child; window; window = window->sibling) {
		if (window->start == start && resource_size(window) == bytes) {
			give_back(window);
			break;
		}
	}
	mutex_unlock(&bus->io_mutex);
}
EXPORT_SYMBOL_GPL(vmbus_free_mmio);
