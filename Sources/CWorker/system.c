#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

long worker_receive(int channel, void *buffer, size_t capacity) {
    for (;;) {
        ssize_t size = read(channel, buffer, capacity);
        if (size >= 0) return size;
        if (errno != EINTR) return -errno;
    }
}

int worker_send(int channel, const void *bytes, size_t size) {
    for (;;) {
        if (write(channel, bytes, size) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

uint64_t worker_clock(void) {
    /* The system call itself: the vDSO is gone from the address space. */
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void worker_exit(int status) {
    for (;;) syscall(SYS_exit_group, status);
}

static int protection_bits(uint32_t protection) {
    return (protection & WORKER_READ ? PROT_READ : 0) | (protection & WORKER_WRITE ? PROT_WRITE : 0) |
           (protection & WORKER_EXECUTE ? PROT_EXEC : 0);
}

static int map(uint64_t address, uint64_t length, int file, uint64_t offset, uint32_t protection, int sharing) {
    void *place = mmap((void *)address, length, protection_bits(protection), sharing | MAP_FIXED, file, (off_t)offset);
    return place == MAP_FAILED ? errno : 0;
}

int worker_map_shared(uint64_t address, uint64_t length, int file, uint64_t offset, uint32_t protection) {
    int error = zeros_remove(address, address + length);
    return error != 0 ? error : map(address, length, file, offset, protection, MAP_SHARED);
}

int worker_map_zeros(uint64_t address, uint64_t length, uint64_t offset) {
    int error = map(address, length, -1, offset, WORKER_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    return error != 0 ? error : zeros_add(address, address + length);
}

int worker_map_private(uint64_t address, uint64_t length, int file, uint64_t offset, uint32_t protection) {
    return map(address, length, file, offset, protection, MAP_PRIVATE);
}

int worker_unmap(uint64_t address, uint64_t length) {
    int error = zeros_remove(address, address + length);
    if (error != 0) return error;
    return munmap((void *)address, length) == 0 ? 0 : errno;
}

void futex_wait(_Atomic uint32_t *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void pause_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* 0 free, 1 taken, 2 taken and waited for. */
void worker_lock(worker_mutex *mutex) {
    uint32_t seen = 0;
    if (atomic_compare_exchange_strong(&mutex->word, &seen, 1)) return;
    while (atomic_exchange(&mutex->word, 2) != 0) futex_wait(&mutex->word, 2);
}

void worker_unlock(worker_mutex *mutex) {
    if (atomic_exchange(&mutex->word, 0) == 2) futex_wake(&mutex->word, 1);
}

worker_mutex *worker_make_mutex(void) {
    return calloc(1, sizeof(worker_mutex));
}

void worker_relocate(uint64_t bias, const uint64_t *pairs, uint64_t count) {
    for (uint64_t index = 0; index < count; index++) {
        uint64_t value = bias + pairs[2 * index + 1];
        __builtin_memcpy((void *)(bias + pairs[2 * index]), &value, sizeof value);
    }
}

uint64_t worker_load_word(uint64_t address, uint64_t index) {
    return ((const uint64_t *)address)[index];
}
