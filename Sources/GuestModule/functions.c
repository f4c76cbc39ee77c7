// SPDX-License-Identifier: Dual MIT/GPL
/*
 * PCI functions on a root bus that is made up: docs/protocol/ivshmem.md 7.
 */
#include <linux/ktime.h>

#include "ubus.h"

/* Beyond the domains that firmware numbers, as other made-up root buses are. */
#define FIRST_DOMAIN		0x10000
#define WRITE_PATIENCE_NS	(4 * (u64)NSEC_PER_SEC)

static struct ubus *of_bus(struct pci_bus *root)
{
	struct pci_sysdata *sysdata = root->sysdata;

	return container_of(sysdata, struct ubus, sysdata);
}

static void *slot(struct ubus *bus, unsigned int index)
{
	return bus->memory + le64_to_cpu(bus->header->configuration) + index * UBUS_FUNCTION_BYTES;
}

static bool is_there(struct pci_bus *root, unsigned int devfn)
{
	return root->number == 0 && PCI_FUNC(devfn) == 0 &&
	       PCI_SLOT(devfn) < le32_to_cpu(of_bus(root)->header->function_slots);
}

static int read(struct pci_bus *root, unsigned int devfn, int offset, int bytes, u32 *value)
{
	const void *place;

	*value = ~0;
	if (!is_there(root, devfn))
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (offset + bytes > UBUS_FUNCTION_BYTES)
		return PCIBIOS_SUCCESSFUL;
	place = slot(of_bus(root), PCI_SLOT(devfn)) + offset;
	switch (bytes) {
	case 1:
		*value = READ_ONCE(*(const u8 *)place);
		break;
	case 2:
		*value = le16_to_cpu(READ_ONCE(*(const __le16 *)place));
		break;
	case 4:
		*value = le32_to_cpu(READ_ONCE(*(const __le32 *)place));
		break;
	}
	return PCIBIOS_SUCCESSFUL;
}

/* Whether the host has answered all requests; it is not waited for longer than a CPU may stand still. */
static bool is_answered(struct ubus *bus)
{
	u64 end = ktime_get_mono_fast_ns() + WRITE_PATIENCE_NS;
	u32 request = le32_to_cpu(READ_ONCE(bus->guest->configuration_request));

	while (ubus_load(&bus->header->configuration_answer) != request) {
		if (READ_ONCE(bus->gone) || ktime_get_mono_fast_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static bool has_effect(int offset)
{
	return offset >= 0xc0 || offset == 4 || offset == 5 || offset == 12;
}

static int write(struct pci_bus *root, unsigned int devfn, int offset, int bytes, u32 value)
{
	struct ubus *bus = of_bus(root);
	int ret = PCIBIOS_SET_FAILED;
	unsigned long irq;

	if (!is_there(root, devfn))
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (offset + bytes > UBUS_FUNCTION_BYTES || !has_effect(offset))
		return PCIBIOS_SUCCESSFUL;
	raw_spin_lock_irqsave(&bus->configuration_lock, irq);
	if (is_answered(bus)) {
		bus->guest->function = cpu_to_le16(PCI_SLOT(devfn));
		bus->guest->offset = cpu_to_le16(offset);
		bus->guest->width = cpu_to_le16(bytes);
		bus->guest->value = cpu_to_le32(value);
		ubus_store(&bus->guest->configuration_request,
			   le32_to_cpu(bus->guest->configuration_request) + 1);
		bus->configuration_writes++;
		ubus_ring_doorbell(bus, 0);
		if (is_answered(bus))
			ret = PCIBIOS_SUCCESSFUL;
	}
	raw_spin_unlock_irqrestore(&bus->configuration_lock, irq);
	if (ret)
		dev_err_ratelimited(&bus->pdev->dev, "the host does not answer a configuration write\n");
	return ret;
}

static struct pci_ops operations = { .read = read, .write = write };

static bool make_root(struct ubus *bus)
{
	LIST_HEAD(resources);

	bus->sysdata.node = NUMA_NO_NODE;
	bus->sysdata.domain = FIRST_DOMAIN;
	while (pci_find_bus(bus->sysdata.domain, 0))
		bus->sysdata.domain++;
	bus->bus_numbers.name = UBUS_NAME " bus numbers";
	bus->bus_numbers.flags = IORESOURCE_BUS;
	pci_add_resource(&resources, &bus->bus_numbers);
	bus->root = pci_create_root_bus(&bus->pdev->dev, 0, &operations, &bus->sysdata, &resources);
	if (!bus->root) {
		pci_free_resource_list(&resources);
		dev_err(&bus->pdev->dev, "no PCI root bus\n");
	}
	return bus->root;
}

static void compare(struct ubus *bus, unsigned int index)
{
	unsigned int devfn = PCI_DEVFN(index, 0);
	struct pci_dev *function = pci_get_slot(bus->root, devfn);
	u32 id;

	read(bus->root, devfn, PCI_VENDOR_ID, 4, &id);
	if (function && id == ~0)
		pci_stop_and_remove_bus_device(function);
	else if (!function && id != ~0)
		pci_scan_slot(bus->root, devfn);
	pci_dev_put(function);
}

static void function_work(struct work_struct *work)
{
	struct ubus *bus = container_of(work, struct ubus, function_work);
	u32 generation;
	unsigned int i;

	if (READ_ONCE(bus->stopping) || READ_ONCE(bus->gone) || (!bus->root && !make_root(bus)))
		return;
	do {
		generation = ubus_load(&bus->header->function_generation);
		pci_lock_rescan_remove();
		for (i = 0; i < le32_to_cpu(bus->header->function_slots); i++)
			compare(bus, i);
		pci_bus_add_devices(bus->root);
		pci_unlock_rescan_remove();
		ubus_store(&bus->guest->generation_seen, generation);
		ubus_ring_doorbell(bus, 0);
	} while (ubus_load(&bus->header->function_generation) != generation);
}

void ubus_functions_begin(struct ubus *bus)
{
	raw_spin_lock_init(&bus->configuration_lock);
	INIT_WORK(&bus->function_work, function_work);
}

void ubus_functions_changed(struct ubus *bus)
{
	if (READ_ONCE(bus->stopping))
		return;
	if (!bus->root || ubus_load(&bus->header->function_generation) != le32_to_cpu(bus->guest->generation_seen))
		queue_work(bus->event_queue, &bus->function_work);
}

void ubus_functions_end(struct ubus *bus)
{
	if (!bus->root)
		return;
	pci_lock_rescan_remove();
	pci_stop_root_bus(bus->root);
	pci_remove_root_bus(bus->root);
	pci_unlock_rescan_remove();
}
