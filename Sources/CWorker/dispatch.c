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

/* Goes to the next group, x fastest. */
static void advance(uint32_t id[3], const uint32_t groups[3]) {
    for (int axis = 0; axis < 3; axis++) {
        if (++id[axis] < groups[axis]) return;
        id[axis] = 0;
    }
}

static void run_batches(struct lane *lane, struct shared_work *work) {
    const struct worker_dispatch *dispatch = work->argument;
    softgpu_kernel kernel = (softgpu_kernel)dispatch->entry;
    const void *arguments = (const void *)dispatch->arguments;
    const uint32_t *groups = dispatch->groups;
    uint64_t row = groups[0], plane = row * groups[1];
    for (;;) {
        uint64_t first = atomic_fetch_add_explicit(&work->next, work->batch, memory_order_relaxed);
        if (first >= work->parts) break;
        uint64_t count = work->parts - first < work->batch ? work->parts - first : work->batch;
        uint32_t id[3] = {(uint32_t)(first % row), (uint32_t)(first % plane / row), (uint32_t)(first / plane)};
        for (; count > 0; count--, advance(id, groups)) {
            struct softgpu_group group = {
                .id = {id[0], id[1], id[2]},
                .groups = {groups[0], groups[1], groups[2]},
                .size = {dispatch->group_size[0], dispatch->group_size[1], dispatch->group_size[2]},
                .lane = lane->index,
                .memory = (void *)(lane->block + GROUP_MEMORY_OFFSET),
                .memory_size = dispatch->group_memory,
            };
            kernel(arguments, &group);
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
