// SPDX-License-Identifier: Dual MIT/GPL
/*
 * The memory, and attaching to the host: docs/protocol/ivshmem.md 3 to 5.
 */
#include "ubus.h"

/* Whether a part of the memory is where the mapping without the IO space reaches. */
static bool is_mapped(const struct ubus *bus, u64 offset, u64 bytes)
{
	u64 end = le64_to_cpu(bus->header->io_space);

	return IS_ALIGNED(offset, PAGE_SIZE) && bytes && bytes <= end && offset <= end - bytes;
}

static int check_header(struct ubus *bus)
{
	struct ubus_header *header = bus->header;
	u64 bytes = pci_resource_len(bus->pdev, 2), io = le64_to_cpu(header->io_space);

	if (le64_to_cpu(header->magic) != UBUS_MAGIC || le16_to_cpu(header->major) != UBUS_MAJOR) {
		dev_err(&bus->pdev->dev, "no Understudy of version %d at the other end\n", UBUS_MAJOR);
		return -ENODEV;
	}
	if (le64_to_cpu(header->bytes) != bytes || io >= bytes || le64_to_cpu(header->io_bytes) > bytes - io ||
	    le32_to_cpu(header->function_slots) > UBUS_MAX_FUNCTIONS ||
	    le32_to_cpu(header->vectors) < 2 || le32_to_cpu(header->vectors) > UBUS_MAX_VECTORS ||
	    !is_mapped(bus, le64_to_cpu(header->guest_page), PAGE_SIZE) ||
	    !is_mapped(bus, le64_to_cpu(header->configuration), UBUS_MAX_FUNCTIONS * UBUS_FUNCTION_BYTES) ||
	    !is_mapped(bus, le64_to_cpu(header->control_out), le64_to_cpu(header->control_bytes)) ||
	    !is_mapped(bus, le64_to_cpu(header->control_in), le64_to_cpu(header->control_bytes)) ||
	    le64_to_cpu(header->control_bytes) < 2 * PAGE_SIZE ||
	    !is_mapped(bus, le64_to_cpu(header->ring_area), le64_to_cpu(header->ring_bytes))) {
		dev_err(&bus->pdev->dev, "the memory's header makes no sense\n");
		return -EINVAL;
	}
	if (ubus_load(&header->host_state)) {
		dev_err(&bus->pdev->dev, "the host is gone\n");
		return -ENODEV;
	}
	return 0;
}

int ubus_map(struct ubus *bus)
{
	struct ubus_header *header;
	u64 mapped;
	int ret;

	if (pci_resource_len(bus->pdev, 2) < PAGE_SIZE)
		return -ENODEV;
	bus->address = pci_resource_start(bus->pdev, 2);
	header = memremap(bus->address, PAGE_SIZE, MEMREMAP_WB);
	if (!header)
		return -ENOMEM;
	bus->header = header;
	ret = check_header(bus);
	mapped = le64_to_cpu(header->io_space);
	bus->header = NULL;
	memunmap(header);
	if (ret)
		return ret;

	bus->memory = memremap(bus->address, mapped, MEMREMAP_WB);
	if (!bus->memory)
		return -ENOMEM;
	header = bus->memory;
	bus->header = header;
	bus->guest = bus->memory + le64_to_cpu(header->guest_page);
	bus->vector_count = le32_to_cpu(header->vectors);
	bus->ring_offset = le64_to_cpu(header->ring_area);
	bus->ring_memory = bus->memory + bus->ring_offset;
	bus->ring_pages = le64_to_cpu(header->ring_bytes) >> PAGE_SHIFT;
	bus->ring_map = bitmap_zalloc(bus->ring_pages, GFP_KERNEL);
	if (!bus->ring_map) {
		memunmap(bus->memory);
		return -ENOMEM;
	}
	return 0;
}

void ubus_unmap(struct ubus *bus)
{
	bitmap_free(bus->ring_map);
	memunmap(bus->memory);
}

bool ubus_check_gone(struct ubus *bus)
{
	if (!READ_ONCE(bus->gone) && ubus_load(&bus->header->host_state)) {
		WRITE_ONCE(bus->gone, true);
		dev_err(&bus->pdev->dev, "the host is gone\n");
	}
	return READ_ONCE(bus->gone);
}

/* Interrupts are on already: what is signalled before MSI-X is enabled is lost. */
int ubus_attach(struct ubus *bus)
{
	u32 answer = ubus_load(&bus->header->attach_answer);
	u32 request = le32_to_cpu(bus->guest->attach_request);
	u32 status;

	do
		request++;
	while (!request || request == answer);
	bus->guest->major = cpu_to_le16(UBUS_MAJOR);
	bus->guest->minor = cpu_to_le16(UBUS_MINOR);
	bus->guest->address = cpu_to_le64(bus->address);
	ubus_store(&bus->guest->attach_request, request);
	ubus_ring_doorbell(bus, 0);
	if (!wait_event_timeout(bus->attach_wait,
				ubus_load(&bus->header->attach_answer) == request || ubus_check_gone(bus),
				UBUS_PATIENCE)) {
		dev_err(&bus->pdev->dev, "the host does not answer\n");
		return -ETIMEDOUT;
	}
	if (READ_ONCE(bus->gone))
		return -ENODEV;
	status = ubus_load(&bus->header->attach_status);
	if (status) {
		dev_err(&bus->pdev->dev, "the host refuses: %u\n", status);
		return -EPROTO;
	}
	return 0;
}
