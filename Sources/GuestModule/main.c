// SPDX-License-Identifier: Dual MIT/GPL
/*
 * The ivshmem device's driver: brings the bus up and takes it down.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ubus.h"

struct ubus *ubus_only;

static irqreturn_t interrupt(int irq, void *data)
{
	struct ubus_vector *vector = data;

	if (vector->index) {
		ubus_vector_interrupt(vector);
	} else {
		/* Before the rings are there only the attach answer can have come. */
		wake_up(&vector->bus->attach_wait);
		if (smp_load_acquire(&vector->bus->offers_wanted))
			queue_work(vector->bus->control_queue, &vector->bus->control_work);
	}
	return IRQ_HANDLED;
}

static void end_interrupts(struct ubus *bus, unsigned int count)
{
	while (count--)
		free_irq(pci_irq_vector(bus->pdev, count), &bus->vectors[count]);
	pci_free_irq_vectors(bus->pdev);
}

static int begin_interrupts(struct ubus *bus)
{
	unsigned int i;
	int ret;

	ret = pci_alloc_irq_vectors(bus->pdev, bus->vector_count, bus->vector_count, PCI_IRQ_MSIX);
	if (ret < 0) {
		dev_err(&bus->pdev->dev, "the device needs vectors=%u\n", bus->vector_count);
		return ret;
	}
	for (i = 0; i < bus->vector_count; i++) {
		bus->vectors[i].bus = bus;
		bus->vectors[i].index = i;
		spin_lock_init(&bus->vectors[i].lock);
		INIT_LIST_HEAD(&bus->vectors[i].channels);
		ret = request_irq(pci_irq_vector(bus->pdev, i), interrupt, 0, UBUS_NAME, &bus->vectors[i]);
		if (ret) {
			end_interrupts(bus, i);
			return ret;
		}
	}
	return 0;
}

static struct ubus *new_bus(struct pci_dev *pdev)
{
	struct ubus *bus = kzalloc(sizeof(*bus), GFP_KERNEL);

	if (!bus)
		return NULL;
	bus->event_queue = alloc_ordered_workqueue(UBUS_NAME "_events", 0);
	if (!bus->event_queue) {
		kfree(bus);
		return NULL;
	}
	bus->pdev = pdev;
	init_waitqueue_head(&bus->attach_wait);
	spin_lock_init(&bus->waiter_lock);
	INIT_LIST_HEAD(&bus->waiters);
	INIT_LIST_HEAD(&bus->channels);
	mutex_init(&bus->ring_mutex);
	ubus_functions_begin(bus);
	return bus;
}

/* What is queued after the flush finds that the bus is stopping and does nothing. */
static void stop(struct ubus *bus)
{
	WRITE_ONCE(bus->stopping, true);
	flush_workqueue(bus->event_queue);
	ubus_functions_end(bus);
	ubus_remove_channels(bus);
	ubus_unload(bus);
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ubus *bus;
	int ret;

	if (ubus_only)
		return -EBUSY;
	bus = new_bus(pdev);
	if (!bus)
		return -ENOMEM;
	ret = pci_enable_device(pdev);
	if (ret)
		goto free;
	ret = pci_request_regions(pdev, UBUS_NAME);
	if (ret)
		goto disable;
	pci_set_master(pdev);
	ret = -ENOMEM;
	bus->registers = pci_iomap(pdev, 0, 0);
	if (!bus->registers)
		goto release;
	ret = ubus_map(bus);
	if (ret)
		goto unmap_registers;
	ret = begin_interrupts(bus);
	if (ret)
		goto unmap;
	ret = ubus_attach(bus);
	if (ret)
		goto interrupts;
	ret = ubus_control_begin(bus);
	if (ret)
		goto interrupts;
	ubus_mmio_begin(bus);
	ubus_only = bus;
	pci_set_drvdata(pdev, bus);
	smp_store_release(&bus->offers_wanted, true);
	ret = ubus_contact(bus);
	if (ret)
		goto contact;
	ubus_statistics_begin(bus);
	return 0;

contact:
	stop(bus);
	ubus_only = NULL;
	end_interrupts(bus, bus->vector_count);
	ubus_control_end(bus);
	goto unmap;
interrupts:
	end_interrupts(bus, bus->vector_count);
unmap:
	ubus_unmap(bus);
unmap_registers:
	pci_iounmap(pdev, bus->registers);
release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	destroy_workqueue(bus->event_queue);
	kfree(bus);
	return ret;
}

static void remove(struct pci_dev *pdev)
{
	struct ubus *bus = pci_get_drvdata(pdev);

	ubus_statistics_end(bus);
	stop(bus);
	end_interrupts(bus, bus->vector_count);
	ubus_control_end(bus);
	destroy_workqueue(bus->event_queue);
	ubus_mmio_end(bus);
	ubus_only = NULL;
	ubus_unmap(bus);
	pci_iounmap(pdev, bus->registers);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	kfree(bus);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver driver = {
	.name = UBUS_NAME,
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

static int __init begin(void)
{
	int ret = bus_register(&ubus_type);

	if (ret)
		return ret;
	ret = pci_register_driver(&driver);
	if (ret)
		bus_unregister(&ubus_type);
	return ret;
}

static void __exit end(void)
{
	pci_unregister_driver(&driver);
	bus_unregister(&ubus_type);
}

module_init(begin);
module_exit(end);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("VMBus over the memory of an ivshmem-doorbell device, with Understudy as the host");
