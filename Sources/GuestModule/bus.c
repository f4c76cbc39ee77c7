// SPDX-License-Identifier: Dual MIT/GPL
/*
 * The bus that drivers register with, and the devices on it: one for each offer (docs/protocol/vmbus.md 1.4 to 1.6).
 */
#include <linux/slab.h>
#include <linux/version.h>

#include "ubus.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define UBUS_MATCHED const
#else
#define UBUS_MATCHED
#endif

static const struct hv_vmbus_device_id *find_id(const struct hv_driver *driver, const struct hv_device *device)
{
	const struct hv_vmbus_device_id *id = driver->id_table;

	for (; id && !guid_is_null(&id->guid); id++)
		if (guid_equal(&id->guid, &device->dev_type))
			return id;
	return NULL;
}

static int match(struct device *device, UBUS_MATCHED struct device_driver *driver)
{
	return !!find_id(container_of(driver, struct hv_driver, driver), device_to_hv_device(device));
}

static int probe(struct device *device)
{
	struct hv_driver *driver = container_of(device->driver, struct hv_driver, driver);
	struct hv_device *hdev = device_to_hv_device(device);

	return driver->probe ? driver->probe(hdev, find_id(driver, hdev)) : -ENODEV;
}

static void remove(struct device *device)
{
	struct hv_driver *driver = container_of(device->driver, struct hv_driver, driver);

	if (driver->remove)
		driver->remove(device_to_hv_device(device));
}

static void shutdown(struct device *device)
{
	struct hv_driver *driver;

	if (!device->driver)
		return;
	driver = container_of(device->driver, struct hv_driver, driver);
	if (driver->shutdown)
		driver->shutdown(device_to_hv_device(device));
}

struct bus_type ubus_type = {
	.name = "vmbus",
	.match = match,
	.probe = probe,
	.remove = remove,
	.shutdown = shutdown,
};

int __vmbus_driver_register(struct hv_driver *driver, struct module *owner, const char *module_name)
{
	driver->driver.name = driver->name;
	driver->driver.owner = owner;
	driver->driver.mod_name = module_name;
	driver->driver.bus = &ubus_type;
	spin_lock_init(&driver->dynids.lock);
	INIT_LIST_HEAD(&driver->dynids.list);
	return driver_register(&driver->driver);
}
EXPORT_SYMBOL_GPL(__vmbus_driver_register);

void vmbus_driver_unregister(struct hv_driver *driver)
{
	driver_unregister(&driver->driver);
}
EXPORT_SYMBOL_GPL(vmbus_driver_unregister);

static void release(struct device *device)
{
	kfree(container_of(device_to_hv_device(device), struct ubus_channel, hdev));
}

static struct ubus_channel *find(struct ubus *bus, u32 relid)
{
	struct ubus_channel *own;

	list_for_each_entry(own, &bus->channels, in_bus)
		if (own->channel.offermsg.child_relid == relid)
			return own;
	return NULL;
}

static void offered(struct ubus *bus, const struct vmbus_channel_offer_channel *offer)
{
	u32 relid = offer->child_relid;
	struct ubus_channel *own;

	if (!relid || relid > UBUS_MAX_RELID || find(bus, relid)) {
		dev_err(&bus->pdev->dev, "an offer with relid %u is ignored\n", relid);
		return;
	}
	own = kzalloc(sizeof(*own), GFP_KERNEL);
	if (!own)
		return;
	own->bus = bus;
	own->vector = &bus->vectors[1 + (relid - 1) % (bus->vector_count - 1)];
	own->channel.offermsg = *offer;
	own->channel.device_obj = &own->hdev;
	ubus_channel_init(own);
	own->hdev.channel = &own->channel;
	own->hdev.vendor_id = 0x1414;
	guid_copy(&own->hdev.dev_type, &offer->offer.if_type);
	guid_copy(&own->hdev.dev_instance, &offer->offer.if_instance);
	own->hdev.device.bus = &ubus_type;
	own->hdev.device.parent = &bus->pdev->dev;
	own->hdev.device.release = release;
	list_add_tail(&own->in_bus, &bus->channels);
	if (dev_set_name(&own->hdev.device, "%pUl", &own->hdev.dev_instance) ||
	    device_register(&own->hdev.device)) {
		dev_err(&bus->pdev->dev, "no device for the channel with relid %u\n", relid);
		list_del(&own->in_bus);
		put_device(&own->hdev.device);
	}
}

static void remove_channel(struct ubus_channel *own)
{
	list_del(&own->in_bus);
	device_unregister(&own->hdev.device);
}

static void rescinded(struct ubus *bus, u32 relid)
{
	struct vmbus_channel_relid_released message = {
		.header.msgtype = CHANNELMSG_RELID_RELEASED,
		.child_relid = relid,
	};
	struct ubus_channel *own = find(bus, relid);

	if (!own)
		return;
	WRITE_ONCE(own->channel.rescind, true);
	remove_channel(own);
	ubus_send(bus, &message, sizeof(message));
}

/* What the host tells of channels, in its order. */
struct channel_event {
	struct work_struct work;
	struct ubus *bus;
	bool is_offer;
	struct vmbus_channel_offer_channel offer;	/* of a rescind the relid only */
};

static void channel_event(struct work_struct *work)
{
	struct channel_event *event = container_of(work, struct channel_event, work);

	if (READ_ONCE(event->bus->stopping))
		; /* all channels are about to go */
	else if (event->is_offer)
		offered(event->bus, &event->offer);
	else
		rescinded(event->bus, event->offer.child_relid);
	kfree(event);
}

static struct channel_event *new_event(struct ubus *bus)
{
	struct channel_event *event;

	if (READ_ONCE(bus->stopping))
		return NULL;
	event = kzalloc(sizeof(*event), GFP_KERNEL);
	if (!event) {
		dev_err(&bus->pdev->dev, "no memory for what the host tells of a channel\n");
		return NULL;
	}
	INIT_WORK(&event->work, channel_event);
	event->bus = bus;
	return event;
}

void ubus_queue_offer(struct ubus *bus, const struct vmbus_channel_offer_channel *offer)
{
	struct channel_event *event = new_event(bus);

	if (!event)
		return;
	event->is_offer = true;
	event->offer = *offer;
	queue_work(bus->event_queue, &event->work);
}

void ubus_queue_rescind(struct ubus *bus, u32 relid)
{
	struct channel_event *event = new_event(bus);

	if (!event)
		return;
	event->offer.child_relid = relid;
	queue_work(bus->event_queue, &event->work);
}

/* The event queue is no more. */
void ubus_remove_channels(struct ubus *bus)
{
	struct ubus_channel *own, *next;

	list_for_each_entry_safe(own, next, &bus->channels, in_bus)
		remove_channel(own);
}
