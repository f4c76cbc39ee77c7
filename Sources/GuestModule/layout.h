/* SPDX-License-Identifier: Dual MIT/GPL */
/*
 * The shared memory as both sides see it: docs/protocol/ivshmem.md 2 to 5.
 */
#ifndef UNDERSTUDY_LAYOUT_H
#define UNDERSTUDY_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/types.h>

#define UBUS_MAGIC		0x5355424d56594453ULL
#define UBUS_MAJOR		1
#define UBUS_MINOR		0
#define UBUS_MAX_VECTORS	32
#define UBUS_MAX_FUNCTIONS	32
#define UBUS_FUNCTION_BYTES	256
#define UBUS_MAX_RELID		2047

/* Registers of the ivshmem device (BAR0). */
#define IVSHMEM_DOORBELL	12

struct ubus_header {
	__le64 magic;
	__le16 major;
	__le16 minor;
	__le32 vectors;
	__le32 host_peer;
	__le32 function_slots;
	__le64 bytes;
	__le64 guest_page;
	__le64 configuration;
	__le64 control_out;
	__le64 control_in;
	__le64 control_bytes;
	__le64 ring_area;
	__le64 ring_bytes;
	__le64 io_space;
	__le64 io_bytes;
	__le64 reserved;
	u8 guest_id[16];
	u8 unused1[0x80];
	__le32 attach_answer;		/* 0x100 */
	__le32 attach_status;
	__le32 host_state;
	u8 unused2[0x34];
	__le32 configuration_answer;	/* 0x140 */
	__le32 function_generation;
};
static_assert(offsetof(struct ubus_header, attach_answer) == 0x100);
static_assert(offsetof(struct ubus_header, configuration_answer) == 0x140);

struct ubus_guest_page {
	__le32 attach_request;
	__le16 major;
	__le16 minor;
	__le64 address;
	u8 unused1[0x30];
	__le32 configuration_request;	/* 0x40 */
	__le16 function;
	__le16 offset;
	__le16 width;
	__le16 zero;
	__le32 value;
	u8 unused2[0x30];
	__le32 generation_seen;		/* 0x80 */
};
static_assert(offsetof(struct ubus_guest_page, configuration_request) == 0x40);
static_assert(offsetof(struct ubus_guest_page, generation_seen) == 0x80);

#endif
