#include "internal.h"

/* Batches per lane that a grid is cut into at least, so that uneven groups even out. */
#define BATCHES_PER_LANE 16
#define MAXIMUM_BATCH 256

/* What a kernel may leave behind in the processor's control state. */
static void reset_control_state(void) {
#if defined(__x86_64__)
    __asm__ volatile("cld");
    __builtin_ia32_ldmxcsr(0x1f80);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, xzr");
#endif
}

static void run_batches(struct lane *lane, struct shared_work *work) {
    const struct worker_dispatch *dispatch = work->argument;
    softgpu_kernel kernel = (softgpu_kernel)dispatch->entry;
    uint64_t row = dispatch->groups[0], plane = row * dispatch->groups[1];
    for (;;) {
        uint64_t first = atomic_fetch_add_explicit(&work->next, work->batch, memory_order_relaxed);
        if (first >= work->parts) break;
        uint64_t end = work->parts - first < work->batch ? work->parts : first + work->batch;
        for (uint64_t number = first; number < end; number++) {
            struct softgpu_group group = {
                .id = {(uint32_t)(number % row), (uint32_t)(number % plane / row), (uint32_t)(number / plane)},
                .groups = {dispatch->groups[0], dispatch->groups[1], dispatch->groups[2]},
                .size = {dispatch->group_size[0], dispatch->group_size[1], dispatch->group_size[2]},
                .lane = lane->index,
                .memory = (void *)(lane->block + GROUP_MEMORY_OFFSET),
                .memory_size = dispatch->group_memory,
            };
            kernel((const void *)dispatch->arguments, &group);
        }
    }
    reset_control_state();
}

enum worker_outcome worker_run_groups(struct worker_engine *engine, const struct worker_dispatch *dispatch,
                                      struct worker_fault *fault) {
    uint64_t groups = (uint64_t)dispatch->groups[0] * dispatch->groups[1] * dispatch->groups[2];
    if (groups == 0) return WORKER_DONE;
    uint64_t batch = groups / ((uint64_t)(helping_lanes() + 1) * BATCHES_PER_LANE);
    if (batch == 0) batch = 1;
    if (batch > MAXIMUM_BATCH) batch = MAXIMUM_BATCH;
    return share_work(engine, run_batches, dispatch, groups, batch, fault);
}
