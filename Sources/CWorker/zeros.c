#include "internal.h"

#include <errno.h>

/*
 * The ranges that read as zero and drop what is written, ascending and disjoint. The service thread changes them;
 * handlers of any thread look, and look again if a change came in between.
 */
static struct {
    _Atomic uint64_t start, end;
} zeros[MAXIMUM_ZERO_RANGES];
static _Atomic uint32_t zero_count;
/* Odd while the list is being changed. */
static _Atomic uint32_t version;

static uint64_t start_of(uint32_t index) {
    return atomic_load_explicit(&zeros[index].start, memory_order_relaxed);
}

static uint64_t end_of(uint32_t index) {
    return atomic_load_explicit(&zeros[index].end, memory_order_relaxed);
}

static void set(uint32_t index, uint64_t start, uint64_t end) {
    atomic_store_explicit(&zeros[index].start, start, memory_order_relaxed);
    atomic_store_explicit(&zeros[index].end, end, memory_order_relaxed);
}

/* The index of the first range that ends beyond an address. */
static uint32_t first_ending_after(uint64_t address, uint32_t count) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (end_of(middle) > address) high = middle; else low = middle + 1;
    }
    return low;
}

uint64_t zeros_end(uint64_t address) {
    for (;;) {
        uint32_t seen = atomic_load_explicit(&version, memory_order_acquire);
        uint64_t end = 0;
        if ((seen & 1) == 0) {
            uint32_t count = atomic_load_explicit(&zero_count, memory_order_relaxed);
            uint32_t index = first_ending_after(address, count);
            if (index < count && start_of(index) <= address) end = end_of(index);
            /* Ranges that touch are one for whoever reads across them. */
            while (end != 0 && ++index < count && start_of(index) == end) end = end_of(index);
        }
        atomic_thread_fence(memory_order_acquire);
        if ((seen & 1) == 0 && atomic_load_explicit(&version, memory_order_relaxed) == seen) return end;
        pause_processor();
    }
}

static void begin_change(void) {
    atomic_store_explicit(&version, atomic_load_explicit(&version, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_change(uint32_t count) {
    atomic_store_explicit(&zero_count, count, memory_order_relaxed);
    atomic_store_explicit(&version, atomic_load_explicit(&version, memory_order_relaxed) + 1, memory_order_release);
}

/* Makes room for `more` ranges at an index, or with a negative number takes so many from there away. */
static void shift(uint32_t index, uint32_t count, int32_t more) {
    if (more > 0) {
        for (uint32_t at = count; at-- > index;) set(at + (uint32_t)more, start_of(at), end_of(at));
    } else {
        uint32_t fewer = (uint32_t)-more;
        for (uint32_t at = index + fewer; at < count; at++) set(at - fewer, start_of(at), end_of(at));
    }
}

int zeros_remove(uint64_t start, uint64_t end) {
    uint32_t count = atomic_load_explicit(&zero_count, memory_order_relaxed);
    uint32_t first = first_ending_after(start, count);
    uint32_t last = first;
    while (last < count && start_of(last) < end) last++;
    if (first == last) return 0;
    uint64_t left = start_of(first), right = end_of(last - 1);
    uint32_t kept = (left < start) + (right > end);
    uint32_t remaining = count - (last - first) + kept;
    if (remaining > MAXIMUM_ZERO_RANGES) return ENOMEM;
    begin_change();
    shift(first, count, (int32_t)kept - (int32_t)(last - first));
    if (left < start) set(first, left, start);
    if (right > end) set(first + kept - 1, end, right);
    end_change(remaining);
    return 0;
}

int zeros_add(uint64_t start, uint64_t end) {
    int error = zeros_remove(start, end);
    if (error != 0) return error;
    uint32_t count = atomic_load_explicit(&zero_count, memory_order_relaxed);
    uint32_t index = first_ending_after(start, count);
    if (count == MAXIMUM_ZERO_RANGES) return ENOMEM;
    begin_change();
    shift(index, count, 1);
    set(index, start, end);
    end_change(count + 1);
    return 0;
}
