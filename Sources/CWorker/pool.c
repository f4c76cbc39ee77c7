#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct worker_engine engines[MAXIMUM_ENGINES];
static struct lane lanes[MAXIMUM_LANES];
static uint32_t engine_count, lane_count;
/* Counts shared work offered: what helping lanes sleep on. */
static _Atomic uint32_t offers;
static _Atomic uint32_t sleeping;
static _Atomic uint32_t prepared;
static _Atomic int first_error;
/* The filter has no getpid. */
static pid_t process;

/*
 * How often a thread looks again before it sleeps, some 20 ns each. A helper looks for the next dispatch of a job for
 * about as long as a wake through the kernel takes; an engine waits for helpers that are about to leave. An idle engine
 * does not look: the next job comes through a channel, whose cost hides that of the wake.
 */
enum { ENGINE_SPINS = 1, HELPER_SPINS = 300, LEAVE_SPINS = 2000 };

struct worker_engine *worker_engine_at(uint32_t index) {
    return index < engine_count ? &engines[index] : NULL;
}

uint32_t helping_lanes(void) {
    return lane_count - engine_count;
}

/* Waits until the word differs from what was seen. */
static void wait_change(_Atomic uint32_t *word, uint32_t seen, int spins) {
    for (int spin = 0; spin < spins; spin++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
        pause_processor();
    }
    while (atomic_load(word) == seen) futex_wait(word, seen);
}

/* ---- Jobs ------------------------------------------------------------------------------------------------------- */

static void ring(struct worker_engine *engine) {
    atomic_fetch_add(&engine->bell, 1);
    futex_wake(&engine->bell, 1);
}

bool worker_engine_submit(struct worker_engine *engine, struct worker_job job) {
    worker_lock(&engine->lock);
    bool idle = !engine->busy;
    if (idle) {
        engine->job = job;
        engine->busy = true;
        engine->has_job = true;
        engine->expects_answer = false;
        atomic_store(&engine->stop, STOP_NONE);
    }
    worker_unlock(&engine->lock);
    if (idle) ring(engine);
    return idle;
}

void worker_engine_abort(struct worker_engine *engine, uint64_t job) {
    worker_lock(&engine->lock);
    bool here = engine->busy && engine->job.id == job;
    if (here) atomic_store(&engine->stop, STOP_ABORT);
    worker_unlock(&engine->lock);
    if (!here) return;
    signal_lanes(engine, NULL);
    ring(engine);
}

struct worker_job worker_engine_next(struct worker_engine *engine) {
    for (;;) {
        uint32_t seen = atomic_load(&engine->bell);
        worker_lock(&engine->lock);
        bool found = engine->has_job;
        engine->has_job = false;
        struct worker_job job = engine->job;
        worker_unlock(&engine->lock);
        if (found) return job;
        wait_change(&engine->bell, seen, ENGINE_SPINS);
    }
}

void worker_engine_finish(struct worker_engine *engine) {
    worker_lock(&engine->lock);
    engine->busy = false;
    engine->expects_answer = false;
    atomic_store(&engine->stop, STOP_NONE);
    worker_unlock(&engine->lock);
}

bool worker_engine_stopping(struct worker_engine *engine) {
    return atomic_load(&engine->stop) != STOP_NONE;
}

void worker_engine_expect_answer(struct worker_engine *engine) {
    worker_lock(&engine->lock);
    engine->expects_answer = true;
    engine->has_answer = false;
    worker_unlock(&engine->lock);
}

bool worker_engine_wait_answer(struct worker_engine *engine, struct worker_answer *answer) {
    for (;;) {
        uint32_t seen = atomic_load(&engine->bell);
        worker_lock(&engine->lock);
        bool stopping = atomic_load(&engine->stop) != STOP_NONE;
        bool found = engine->has_answer;
        if (found) *answer = engine->answer;
        if (found || stopping) engine->expects_answer = engine->has_answer = false;
        worker_unlock(&engine->lock);
        if (stopping) return false;
        if (found) return true;
        wait_change(&engine->bell, seen, ENGINE_SPINS);
    }
}

void worker_engine_answer(struct worker_engine *engine, uint64_t job, struct worker_answer answer) {
    worker_lock(&engine->lock);
    bool wanted = engine->busy && engine->job.id == job && engine->expects_answer;
    if (wanted) {
        engine->answer = answer;
        engine->has_answer = true;
    }
    worker_unlock(&engine->lock);
    if (wanted) ring(engine);
}

/* ---- Shared work ------------------------------------------------------------------------------------------------ */

void signal_lanes(struct worker_engine *engine, const struct lane *except) {
    for (uint32_t index = 0; index < lane_count; index++) {
        struct lane *lane = &lanes[index];
        if (lane != except && atomic_load(&lane->engine) == engine) {
            syscall(SYS_tgkill, process, lane->thread, STOP_SIGNAL);
        }
    }
}

static void run_body(struct lane *lane, void *argument) {
    struct shared_work *work = argument;
    work->run(lane, work);
}

/* Takes part in an engine's work on this lane. */
static void take_part(struct lane *lane, struct worker_engine *engine) {
    struct shared_work *work = &engine->work;
    enum worker_outcome outcome = guarded(lane, run_body, work);
    if (outcome == WORKER_DONE) return;
    /* Nothing more is to be started, whoever stopped it. */
    atomic_store(&work->next, work->parts);
    if (outcome != WORKER_FAULTED) return;
    if (atomic_exchange(&work->fault_taken, 1) == 0) {
        work->fault = lane->fault;
        /* An abort that came first stays one. */
        uint32_t none = STOP_NONE;
        atomic_compare_exchange_strong(&engine->stop, &none, STOP_FAULT);
        signal_lanes(engine, lane);
    }
}

static bool join(struct lane *lane, struct worker_engine *engine) {
    struct shared_work *work = &engine->work;
    uint32_t state = atomic_load(&work->state);
    do {
        if ((state & WORK_OPEN) == 0 || atomic_load(&work->next) >= work->parts) return false;
    } while (!atomic_compare_exchange_weak(&work->state, &state, state + 1));
    atomic_store(&lane->engine, engine);
    take_part(lane, engine);
    atomic_store(&lane->engine, NULL);
    if (atomic_fetch_sub(&work->state, 1) == 1) futex_wake(&work->state, 1);
    return true;
}

static void *help(void *argument) {
    struct lane *lane = argument;
    int error = guard_prepare_thread(lane);
    if (error != 0) atomic_store(&first_error, error);
    atomic_fetch_add(&prepared, 1);
    futex_wake(&prepared, 1);
    for (;;) {
        uint32_t seen = atomic_load(&offers);
        bool joined = false;
        for (uint32_t index = 0; index < engine_count; index++) {
            joined |= join(lane, &engines[(lane->index + index) % engine_count]);
        }
        if (joined) continue;
        atomic_fetch_add(&sleeping, 1);
        wait_change(&offers, seen, HELPER_SPINS);
        atomic_fetch_sub(&sleeping, 1);
    }
    return NULL;
}

enum worker_outcome share_work(struct worker_engine *engine, void (*run)(struct lane *, struct shared_work *),
                               const void *argument, uint64_t parts, uint64_t batch, struct worker_fault *fault) {
    struct shared_work *work = &engine->work;
    work->run = run;
    work->argument = argument;
    work->batch = batch;
    work->parts = parts;
    atomic_store(&work->next, 0);
    atomic_store(&work->fault_taken, 0);
    bool shared = parts > batch && helping_lanes() > 0;
    if (shared) {
        atomic_store(&work->state, WORK_OPEN);
        atomic_fetch_add(&offers, 1);
        if (atomic_load(&sleeping) > 0) {
            uint64_t wanted = (parts - 1) / batch;
            futex_wake(&offers, wanted > INT_MAX ? INT_MAX : (int)wanted);
        }
    }
    take_part(engine->lane, engine);
    if (shared) {
        uint32_t state = atomic_fetch_and(&work->state, ~WORK_OPEN) & ~WORK_OPEN;
        for (int spin = 0; state != 0; spin++) {
            if (spin < LEAVE_SPINS) {
                pause_processor();
            } else {
                futex_wait(&work->state, state);
            }
            state = atomic_load(&work->state);
        }
    }
    if (atomic_load(&engine->stop) == STOP_ABORT) return WORKER_STOPPED;
    if (atomic_load(&work->fault_taken) != 0) {
        *fault = work->fault;
        return WORKER_FAULTED;
    }
    return WORKER_DONE;
}

/* ---- Threads ---------------------------------------------------------------------------------------------------- */

static void *run_engine(void *argument) {
    struct worker_engine *engine = argument;
    int error = guard_prepare_thread(engine->lane);
    if (error != 0) atomic_store(&first_error, error);
    atomic_fetch_add(&prepared, 1);
    futex_wake(&prepared, 1);
    engine->body(engine, engine->index);
    return NULL;
}

static int start_lane(struct lane *lane, uint32_t index, void *(*body)(void *), void *argument) {
    lane->index = index;
    /* Block 0 is the service thread's. */
    lane->block = arena_block(index + 1);
    int error = arena_map(lane->block + STACK_OFFSET, STACK_SIZE);
    if (error == 0) error = arena_map(lane->block + SIGNAL_STACK_OFFSET, SIGNAL_STACK_SIZE);
    if (error == 0) error = arena_map(lane->block + GROUP_MEMORY_OFFSET, SOFTGPU_MAXIMUM_GROUP_MEMORY);
    if (error != 0) return error;
    pthread_attr_t attributes;
    pthread_t thread;
    error = pthread_attr_init(&attributes);
    if (error == 0) error = pthread_attr_setstack(&attributes, (void *)(lane->block + STACK_OFFSET), STACK_SIZE);
    if (error == 0) error = pthread_create(&thread, &attributes, body, argument);
    return error;
}

int worker_start_threads(uint32_t wanted_engines, uint32_t wanted_lanes,
                         void (*body)(struct worker_engine *, uint32_t)) {
    if (wanted_engines == 0 || wanted_engines > MAXIMUM_ENGINES || wanted_lanes == 0 ||
        wanted_lanes > MAXIMUM_LANES - MAXIMUM_ENGINES) {
        return EINVAL;
    }
    int error = guard_install_handlers();
    if (error != 0) return error;
    process = getpid();
    engine_count = wanted_engines;
    lane_count = wanted_engines + wanted_lanes - 1;
    for (uint32_t index = 0; index < lane_count && error == 0; index++) {
        struct lane *lane = &lanes[index];
        if (index < engine_count) {
            struct worker_engine *engine = &engines[index];
            engine->index = index;
            engine->lane = lane;
            engine->body = body;
            atomic_store(&lane->engine, engine);
            error = start_lane(lane, index, run_engine, engine);
        } else {
            error = start_lane(lane, index, help, lane);
        }
    }
    if (error != 0) return error;
    for (;;) {
        uint32_t count = atomic_load(&prepared);
        if (count == lane_count) return atomic_load(&first_error);
        futex_wait(&prepared, count);
    }
}
