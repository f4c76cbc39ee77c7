#include "internal.h"

#include <string.h>

/* Copies and fills from this size on are shared by the lanes, in parts. */
#define SHARED_BYTES (UINT64_C(1) << 20)
#define PART_BYTES (UINT64_C(1) << 18)
#define PATTERN_BYTES 4096

struct transfer {
    uint64_t destination;
    uint64_t source;
    uint64_t bytes;
    uint64_t value;
    const uint8_t *pattern;
    bool equal;
};

/* Runs a body on the engine's own lane. */
static enum worker_outcome run_alone(struct worker_engine *engine, void (*body)(struct lane *, void *),
                                     struct transfer *transfer, struct worker_fault *fault) {
    enum worker_outcome outcome = guarded(engine->lane, body, transfer);
    if (outcome == WORKER_FAULTED) *fault = engine->lane->fault;
    return outcome;
}

static void move_all(struct lane *lane, void *argument) {
    (void)lane;
    const struct transfer *transfer = argument;
    memmove((void *)transfer->destination, (const void *)transfer->source, transfer->bytes);
}

/* Takes parts of a transfer until none is left. */
static bool take_bytes(struct shared_work *work, uint64_t bytes, uint64_t *offset, uint64_t *count) {
    uint64_t part = atomic_fetch_add(&work->next, 1);
    if (part >= work->parts) return false;
    *offset = part * PART_BYTES;
    *count = bytes - *offset < PART_BYTES ? bytes - *offset : PART_BYTES;
    return true;
}

static void copy_parts(struct lane *lane, struct shared_work *work) {
    (void)lane;
    const struct transfer *transfer = work->argument;
    uint64_t offset, count;
    while (take_bytes(work, transfer->bytes, &offset, &count)) {
        memcpy((void *)(transfer->destination + offset), (const void *)(transfer->source + offset), count);
    }
}

static void fill_bytes(const struct transfer *transfer, uint64_t offset, uint64_t count) {
    uint8_t *place = (uint8_t *)transfer->destination + offset;
    while (count > 0) {
        uint64_t bytes = count < PATTERN_BYTES ? count : PATTERN_BYTES;
        memcpy(place, transfer->pattern, bytes);
        place += bytes;
        count -= bytes;
    }
}

static void fill_all(struct lane *lane, void *argument) {
    (void)lane;
    const struct transfer *transfer = argument;
    fill_bytes(transfer, 0, transfer->bytes);
}

static void fill_parts(struct lane *lane, struct shared_work *work) {
    (void)lane;
    const struct transfer *transfer = work->argument;
    uint64_t offset, count;
    while (take_bytes(work, transfer->bytes, &offset, &count)) fill_bytes(transfer, offset, count);
}

static uint64_t part_count(uint64_t bytes) {
    return bytes / PART_BYTES + (bytes % PART_BYTES != 0);
}

enum worker_outcome worker_fetch(struct worker_engine *engine, void *destination, uint64_t source, uint64_t bytes,
                                 struct worker_fault *fault) {
    struct transfer transfer = {.destination = (uint64_t)destination, .source = source, .bytes = bytes};
    return run_alone(engine, move_all, &transfer, fault);
}

enum worker_outcome worker_copy(struct worker_engine *engine, uint64_t destination, uint64_t source, uint64_t bytes,
                                struct worker_fault *fault) {
    struct transfer transfer = {.destination = destination, .source = source, .bytes = bytes};
    uint64_t distance = destination > source ? destination - source : source - destination;
    if (bytes < SHARED_BYTES || distance < bytes) return run_alone(engine, move_all, &transfer, fault);
    return share_work(engine, copy_parts, &transfer, part_count(bytes), 1, fault);
}

enum worker_outcome worker_fill(struct worker_engine *engine, uint64_t destination, uint64_t bytes, uint32_t pattern,
                                struct worker_fault *fault) {
    uint32_t block[PATTERN_BYTES / sizeof pattern];
    uint64_t used = bytes < PATTERN_BYTES ? bytes : PATTERN_BYTES;
    for (size_t index = 0; index < used / sizeof pattern; index++) block[index] = pattern;
    struct transfer transfer = {.destination = destination, .bytes = bytes, .pattern = (const uint8_t *)block};
    if (bytes < SHARED_BYTES) return run_alone(engine, fill_all, &transfer, fault);
    return share_work(engine, fill_parts, &transfer, part_count(bytes), 1, fault);
}

static void store32(struct lane *lane, void *argument) {
    (void)lane;
    const struct transfer *transfer = argument;
    atomic_store_explicit((_Atomic uint32_t *)transfer->destination, (uint32_t)transfer->value, memory_order_release);
}

static void store64(struct lane *lane, void *argument) {
    (void)lane;
    const struct transfer *transfer = argument;
    atomic_store_explicit((_Atomic uint64_t *)transfer->destination, transfer->value, memory_order_release);
}

enum worker_outcome worker_store32(struct worker_engine *engine, uint64_t address, uint32_t value,
                                   struct worker_fault *fault) {
    struct transfer transfer = {.destination = address, .value = value};
    return run_alone(engine, store32, &transfer, fault);
}

enum worker_outcome worker_store64(struct worker_engine *engine, uint64_t address, uint64_t value,
                                   struct worker_fault *fault) {
    struct transfer transfer = {.destination = address, .value = value};
    return run_alone(engine, store64, &transfer, fault);
}

static void read_byte(struct lane *lane, void *argument) {
    (void)lane;
    (void)*(volatile const uint8_t *)((const struct transfer *)argument)->source;
}

static void write_byte(struct lane *lane, void *argument) {
    (void)lane;
    /* Needs the right to write and changes nothing. An `or` with 0 would be turned into a load. */
    uint8_t zero = 0;
    atomic_compare_exchange_strong((_Atomic uint8_t *)((const struct transfer *)argument)->source, &zero, 0);
}

enum worker_outcome worker_touch(struct worker_engine *engine, uint64_t address, bool write,
                                 struct worker_fault *fault) {
    struct transfer transfer = {.source = address};
    return run_alone(engine, write ? write_byte : read_byte, &transfer, fault);
}

static void sleep_for_ever(struct lane *lane, void *argument) {
    (void)lane;
    (void)argument;
    _Atomic uint32_t word = 0;
    for (;;) futex_wait(&word, 0);
}

enum worker_outcome worker_hang(struct worker_engine *engine, struct worker_fault *fault) {
    struct transfer nothing = {0};
    return run_alone(engine, sleep_for_ever, &nothing, fault);
}

static void compare(struct lane *lane, void *argument) {
    (void)lane;
    struct transfer *transfer = argument;
    transfer->equal =
        memcmp((const void *)transfer->destination, (const void *)transfer->source, transfer->bytes) == 0;
}

enum worker_outcome worker_compare(struct worker_engine *engine, const void *bytes, uint64_t address, uint64_t count,
                                   bool *equal, struct worker_fault *fault) {
    struct transfer transfer = {.destination = (uint64_t)bytes, .source = address, .bytes = count};
    enum worker_outcome outcome = run_alone(engine, compare, &transfer, fault);
    *equal = transfer.equal;
    return outcome;
}
