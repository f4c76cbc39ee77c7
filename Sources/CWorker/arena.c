#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the heap may grow to: the filter knows no brk. Pages that are never touched cost nothing. */
#define HEAP_SIZE (16u << 20)

extern char **environ;

uint64_t arena_block(uint32_t index) {
    return ARENA_START + index * BLOCK_SIZE;
}

int arena_map(uint64_t address, uint64_t length) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
    void *place = mmap((void *)address, length, PROT_READ | PROT_WRITE, flags, -1, 0);
    return place == MAP_FAILED ? errno : place == (void *)address ? 0 : EEXIST;
}

bool arena_is_stack_guard(uint64_t address) {
    if (address < ARENA_START || address >= arena_block(MAXIMUM_LANES + 1)) return false;
    uint64_t offset = (address - ARENA_START) % BLOCK_SIZE;
    return offset < STACK_OFFSET;
}

static int reserve_heap(void) {
    /* One heap below 4 GiB for all threads, made now and never given back. */
    if (!mallopt(M_MMAP_MAX, 0) || !mallopt(M_ARENA_MAX, 1) || !mallopt(M_TRIM_THRESHOLD, HEAP_SIZE * 2)) return EINVAL;
    void *heap = malloc(HEAP_SIZE);
    if (heap == NULL) return ENOMEM;
    free(heap);
    return 0;
}

void worker_enter_low_stack(void (*body)(void)) {
    /* The strings of the environment go with the stack. */
    static char *no_environment[] = {NULL};
    environ = no_environment;
    uint64_t stack = arena_block(0) + STACK_OFFSET;
    if (reserve_heap() != 0 || arena_map(stack, STACK_SIZE) != 0) worker_exit(3);
    uint64_t top = stack + STACK_SIZE;
#if defined(__x86_64__)
    __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1\n\tud2" : : "r"(top), "r"(body) : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("mov sp, %0\n\tmov x29, xzr\n\tblr %1\n\tbrk #1" : : "r"(top), "r"(body) : "memory");
#else
#error "switch stacks here"
#endif
    __builtin_unreachable();
}

struct range {
    uint64_t start, end;
};

/* Reads the ranges of /proc/self/maps that touch [start, end). Returns how many, or a negative errno. */
static int read_maps(uint64_t start, uint64_t end, struct range *ranges, int capacity) {
    int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    static char text[65536];
    size_t size = 0;
    for (;;) {
        ssize_t bytes = read(file, text + size, sizeof text - 1 - size);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) break;
        size += (size_t)bytes;
    }
    close(file);
    text[size] = 0;
    int count = 0;
    for (char *line = text; *line != 0;) {
        char *rest;
        uint64_t from = strtoull(line, &rest, 16);
        if (*rest != '-') return -EINVAL;
        uint64_t to = strtoull(rest + 1, &rest, 16);
        if (from < end && to > start) {
            if (count == capacity) return -E2BIG;
            ranges[count++] = (struct range){from, to};
        }
        while (*rest != 0 && *rest != '\n') rest++;
        line = *rest == '\n' ? rest + 1 : rest;
    }
    return count;
}

int worker_clear_addresses(uint64_t start, uint64_t end) {
    /* The original stack, the vDSO and its data. The vsyscall page lies in the kernel's half and cannot go. */
    struct range ranges[64];
    uint64_t user_end = UINT64_C(1) << 47;
    int count = read_maps(start, user_end, ranges, 64);
    if (count < 0) return -count;
    for (int index = 0; index < count; index++) {
        if (ranges[index].start < start) return EEXIST;
        munmap((void *)ranges[index].start, ranges[index].end - ranges[index].start);
    }
    count = read_maps(start, end, ranges, 64);
    return count < 0 ? -count : count > 0 ? EEXIST : 0;
}
