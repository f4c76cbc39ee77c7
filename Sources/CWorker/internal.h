#ifndef UNDERSTUDY_CWORKER_INTERNAL_H
#define UNDERSTUDY_CWORKER_INTERNAL_H

#include "CWorker.h"
#include "understudy_softgpu.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <ucontext.h>

/* Signal that makes guarded work leave. */
#define STOP_SIGNAL SIGUSR1

/*
 * Low memory, below 4 GiB. A fixed-position image starts at 4 MiB and its heap within 1 GiB of its end; the code window
 * is WorkerProtocol's Channel.codeWindow.
 */
#define ARENA_START UINT64_C(0x50000000)
#define BLOCK_SIZE UINT64_C(0x300000)
/* Of a thread's block, from its start; what lies between is never mapped and stops overruns. */
#define STACK_OFFSET UINT64_C(0x100000)
#define STACK_SIZE UINT64_C(0x100000)
#define SIGNAL_STACK_OFFSET UINT64_C(0x210000)
#define SIGNAL_STACK_SIZE UINT64_C(0x10000)
#define GROUP_MEMORY_OFFSET UINT64_C(0x240000)

#define MAXIMUM_ENGINES 16
#define MAXIMUM_LANES SOFTGPU_MAXIMUM_LANES

enum stop_reason { STOP_NONE = 0, STOP_ABORT = 1, STOP_FAULT = 2 };

/* A thread that touches GPU memory. */
struct lane {
    sigjmp_buf leave;
    /* Set while a signal may jump to `leave`. Only this thread and its handlers touch it. */
    volatile sig_atomic_t armed;
    volatile sig_atomic_t outcome;
    /* The engine it works for at the moment. */
    _Atomic(struct worker_engine *) engine;
    pid_t thread;
    uint32_t index;
    uint64_t block;
    struct worker_fault fault;
};

/* Work that several lanes may share. `run` takes parts until none is left, and is jumped out of. */
struct shared_work {
    void (*run)(struct lane *, struct shared_work *);
    const void *argument;
    uint64_t parts;
    uint64_t batch;
    _Atomic uint64_t next;
    /* WORK_OPEN and the number of helping lanes inside. */
    _Atomic uint32_t state;
    _Atomic uint32_t fault_taken;
    struct worker_fault fault;
};
#define WORK_OPEN UINT32_C(0x80000000)

struct worker_engine {
    struct lane *lane;
    void (*body)(struct worker_engine *, uint32_t);
    uint32_t index;
    /* enum stop_reason: guarded work for this engine leaves as soon as it is set. */
    _Atomic uint32_t stop;
    /* Guards job, busy, and setting stop to STOP_ABORT. */
    worker_mutex lock;
    struct worker_job job;
    bool busy;
    /* Counts submissions, aborts and answers: what the engine's thread sleeps on. */
    _Atomic uint32_t bell;
    bool has_job;
    bool expects_answer;
    bool has_answer;
    struct worker_answer answer;
    struct shared_work work;
};

/* arena.c */
uint64_t arena_block(uint32_t index);
int arena_map(uint64_t address, uint64_t length);
bool arena_is_stack_guard(uint64_t address);

/* zeros.c */
#define MAXIMUM_ZERO_RANGES 65536
/* For the service thread: makes a range one of zeros, or of something else. Returns 0 or an errno. */
int zeros_add(uint64_t start, uint64_t end);
int zeros_remove(uint64_t start, uint64_t end);
/* Where the zeros end that an address lies in, or 0. Safe in handlers. */
uint64_t zeros_end(uint64_t address);

/* stores.c */
/* Goes on behind the instruction that a write fault interrupted. False unless it writes to zeros alone. */
bool step_over_store(ucontext_t *context, uint64_t address);

/* system.c */
void futex_wait(_Atomic uint32_t *word, uint32_t expected);
void futex_wake(_Atomic uint32_t *word, int count);
void pause_processor(void);

/* guard.c */
extern __thread struct lane *current_lane;
int guard_install_handlers(void);
int guard_prepare_thread(struct lane *lane);
/* Runs `body`, from which signals may jump out; leaves the fault in lane->fault. */
enum worker_outcome guarded(struct lane *lane, void (*body)(struct lane *, void *), void *argument);

/* pool.c */
/* Makes every lane that works for the engine leave its guarded work. `stop` is set already. */
void signal_lanes(struct worker_engine *engine, const struct lane *except);
/* Runs `run` on the engine's lane, and on others as well if there is more than one batch. */
enum worker_outcome share_work(struct worker_engine *engine, void (*run)(struct lane *, struct shared_work *),
                               const void *argument, uint64_t parts, uint64_t batch, struct worker_fault *fault);
uint32_t helping_lanes(void);

#endif
