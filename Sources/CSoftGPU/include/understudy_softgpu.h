/*
 * The software GPU's contract with user-mode drivers, version 1.
 *
 * What a real driver pair keeps private between its user-mode and kernel-mode halves is public here: the blobs that
 * travel as private driver data, the packets of a command buffer, and the calling convention of a code object.
 * docs/softgpu.md is the prose. Everything is little endian, naturally aligned, free of pointers and handles; reserved
 * fields and padding are zero. The header needs a C11 or C++11 compiler and nothing else.
 */
#ifndef UNDERSTUDY_SOFTGPU_H
#define UNDERSTUDY_SOFTGPU_H

#include <stdint.h>

#ifdef __cplusplus
#define SOFTGPU_SIZE_IS(type, bytes) static_assert(sizeof(type) == (bytes), #type)
extern "C" {
#else
#define SOFTGPU_SIZE_IS(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

/* ---- Private driver data -------------------------------------------------------------------------------------- */

/* The first bytes of every blob: "SGPU" in memory order. */
#define SOFTGPU_MAGIC 0x55504753u
#define SOFTGPU_VERSION 1u

/* What a blob describes. */
enum softgpu_blob_kind {
    SOFTGPU_BLOB_ADAPTER = 1,    /* QUERYADAPTERINFO type 0, out */
    SOFTGPU_BLOB_ALLOCATION = 2, /* CREATEALLOCATION, one per allocation, in and out */
};

/* Starts every blob. A blob whose magic or kind differs, or whose size is below its structure's, is refused. */
struct softgpu_blob_header {
    uint32_t magic;   /* SOFTGPU_MAGIC */
    uint16_t version; /* SOFTGPU_VERSION */
    uint16_t kind;    /* enum softgpu_blob_kind */
    uint32_t size;    /* of the whole structure, in bytes */
    uint32_t reserved;
};
SOFTGPU_SIZE_IS(struct softgpu_blob_header, 16);

/* Where an allocation lives. */
enum softgpu_heap {
    SOFTGPU_HEAP_LOCAL = 0,     /* segment 1, memory segment group LOCAL */
    SOFTGPU_HEAP_NON_LOCAL = 1, /* segment 2, memory segment group NON_LOCAL */
};

enum softgpu_allocation_flags {
    SOFTGPU_ALLOCATION_CPU_VISIBLE = 1u << 0, /* LOCK2 works on it */
    SOFTGPU_ALLOCATION_CACHED = 1u << 1,      /* the guest maps it write-back instead of write-combined */
};

/*
 * One allocation. In: the wish. Out (same bytes, never longer): size rounded up to 4096, alignment as used, and an id
 * that is unique on this host for as long as the server runs.
 * For existing system memory only the size counts, and it must be the buffer's size, a multiple of 4096.
 */
struct softgpu_allocation {
    struct softgpu_blob_header header;
    uint64_t size;      /* bytes, at least 1 */
    uint64_t alignment; /* 0 for the default, or a power of two up to 2 MiB */
    uint32_t heap;      /* enum softgpu_heap */
    uint32_t flags;     /* enum softgpu_allocation_flags */
    uint64_t id;        /* out */
};
SOFTGPU_SIZE_IS(struct softgpu_allocation, 48);

/* The adapter, as QUERYADAPTERINFO type 0 (UMDRIVERPRIVATE) gives it. */
struct softgpu_adapter {
    struct softgpu_blob_header header;
    uint32_t packet_version;       /* highest command stream version understood: SOFTGPU_VERSION */
    uint32_t node_count;           /* engines, as in NODEMETADATA */
    uint64_t va_start;             /* first GPU virtual address that user mode may ask for */
    uint64_t va_end;               /* first one beyond */
    uint64_t timestamp_frequency;  /* of TIMESTAMP packets, in Hz */
    uint32_t maximum_group_memory; /* upper bound of softgpu_dispatch.group_memory, in bytes */
    uint32_t reserved;
};
SOFTGPU_SIZE_IS(struct softgpu_adapter, 56);

/* ---- Command buffers ------------------------------------------------------------------------------------------ */

/*
 * A command buffer is a run of packets in GPU memory: its address and its length are multiples of 8. Every packet
 * starts with this header; size counts the header and is a multiple of 8. An unknown opcode, a size that does not fit
 * its opcode or the buffer, a set reserved bit, or a misaligned buffer ends the submission and puts the device into
 * ERROR_DMAFAULT. A touch of memory that is not mapped, not resident or mapped without the right ends it with
 * ERROR_DMAPAGEFAULT and the address. Packets run in order, one after the other.
 */
struct softgpu_packet {
    uint16_t opcode; /* enum softgpu_opcode */
    uint16_t flags;  /* 0 */
    uint32_t size;   /* bytes, header included */
};
SOFTGPU_SIZE_IS(struct softgpu_packet, 8);

enum softgpu_opcode {
    SOFTGPU_NOP = 0,       /* any size from 8 */
    SOFTGPU_COPY = 1,      /* struct softgpu_copy */
    SOFTGPU_FILL = 2,      /* struct softgpu_fill */
    SOFTGPU_WRITE32 = 3,   /* struct softgpu_write; the low 32 bits of value */
    SOFTGPU_WRITE64 = 4,   /* struct softgpu_write */
    SOFTGPU_TIMESTAMP = 5, /* struct softgpu_timestamp */
    SOFTGPU_DISPATCH = 6,  /* struct softgpu_dispatch */
    SOFTGPU_HANG = 0x7f00, /* header only: never ends, for tests of timeouts */
    SOFTGPU_FAULT = 0x7f01 /* struct softgpu_fault: touches an address, for tests of page faults */
};

/* Copies bytes; source and destination may overlap as for memmove. */
struct softgpu_copy {
    struct softgpu_packet header;
    uint64_t destination;
    uint64_t source;
    uint64_t bytes;
};
SOFTGPU_SIZE_IS(struct softgpu_copy, 32);

/* Repeats a 32-bit pattern. The destination and the byte count are multiples of 4. */
struct softgpu_fill {
    struct softgpu_packet header;
    uint64_t destination;
    uint64_t bytes;
    uint32_t pattern;
    uint32_t reserved;
};
SOFTGPU_SIZE_IS(struct softgpu_fill, 32);

/* One store of 4 or 8 bytes, naturally aligned, after everything before it is visible (release). */
struct softgpu_write {
    struct softgpu_packet header;
    uint64_t address;
    uint64_t value;
};
SOFTGPU_SIZE_IS(struct softgpu_write, 24);

/* Stores the GPU clock (QUERYCLOCKCALIBRATION's GpuClockCounter) as 64 bits, 8-byte aligned. */
struct softgpu_timestamp {
    struct softgpu_packet header;
    uint64_t address;
};
SOFTGPU_SIZE_IS(struct softgpu_timestamp, 16);

/* Runs a code object over a grid of work-groups, in no particular order, several at a time. */
struct softgpu_dispatch {
    struct softgpu_packet header;
    uint64_t code;         /* GPU virtual address of the code object's ELF file, 8-byte aligned */
    uint64_t code_size;    /* its size in bytes */
    uint64_t entry;        /* address inside the ELF file's image of the function to run, 0 for e_entry */
    uint64_t arguments;    /* GPU virtual address that the function gets; may be 0 */
    uint32_t groups[3];    /* work-groups per dimension; one of 0 runs nothing */
    uint32_t group_size[3];/* work-items per group and dimension, each at least 1; passed on, not interpreted */
    uint32_t group_memory; /* bytes of scratch per running group, 16-byte aligned, uninitialised */
    uint32_t reserved;
};
SOFTGPU_SIZE_IS(struct softgpu_dispatch, 72);

/* Touches one byte as a kernel would. */
struct softgpu_fault {
    struct softgpu_packet header;
    uint64_t address;
    uint32_t write; /* 0 read, 1 write */
    uint32_t reserved;
};
SOFTGPU_SIZE_IS(struct softgpu_fault, 24);

/* ---- Code objects --------------------------------------------------------------------------------------------- */

/*
 * A code object is an ELF64 shared object (ET_DYN) for the host's architecture: program headers LOAD, DYNAMIC and the
 * harmless ones, no segment both writable and executable, no undefined symbols, no TLS, no constructors, relocations
 * R_X86_64_RELATIVE only. `clang -O3 -fPIC -shared -nostdlib -ffreestanding -Wl,-Bsymbolic,-e,FUNCTION` makes one. It
 * calls nothing outside itself and makes no system call: one ends the submission as a fault.
 * Its function runs one work-group and returns. Loaded code is kept while the bytes at its address stay the same;
 * they are compared once per submission. A code object's writable data is private to the address space, shared by its
 * lanes, and starts anew whenever the code object is loaded.
 */
struct softgpu_group {
    uint32_t id[3];       /* this work-group */
    uint32_t groups[3];   /* work-groups per dimension */
    uint32_t size[3];     /* work-items per group and dimension */
    uint32_t lane;        /* the lane that runs this group: below the number of lanes, stable during the call */
    void *memory;         /* group_memory bytes of scratch */
    uint64_t memory_size; /* its size in bytes */
};
SOFTGPU_SIZE_IS(struct softgpu_group, 56);

typedef void (*softgpu_kernel)(const void *arguments, const struct softgpu_group *group);

/* ---- Limits ---------------------------------------------------------------------------------------------------- */

#define SOFTGPU_VA_START 0x100000000ull             /* 4 GiB */
#define SOFTGPU_VA_END 0x7fffffff0000ull            /* just below 128 TiB */
#define SOFTGPU_VA_HOST_START 0x3f0000000000ull     /* fences and other things of the host: never handed out */
#define SOFTGPU_VA_HOST_END 0x400000000000ull
#define SOFTGPU_MAXIMUM_GROUP_MEMORY 0x40000u       /* 256 KiB */
#define SOFTGPU_MAXIMUM_CODE_SIZE 0x1000000u        /* 16 MiB */
#define SOFTGPU_MAXIMUM_LANES 128u                  /* softgpu_group.lane is always below */
#define SOFTGPU_LANE_STACK 0x80000u                 /* at least so many bytes of stack for a kernel */
#define SOFTGPU_TIMESTAMP_FREQUENCY 1000000000ull

#ifdef __cplusplus
}
#endif

#undef SOFTGPU_SIZE_IS

#endif /* UNDERSTUDY_SOFTGPU_H */
