/*
 * What the worker needs below Swift: its own place in the address space, threads on stacks of its choosing, memory
 * touched under signal handlers, work shared by lanes, and the lock-down.
 *
 * Every touch of GPU memory happens in this library, between sigsetjmp and the end of the same function; a signal jumps
 * out of C frames only. Linux keeps thread state consistent as handlers run on their own stacks with nothing blocked.
 */
#ifndef UNDERSTUDY_CWORKER_H
#define UNDERSTUDY_CWORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Start (arena.c) ------------------------------------------------------------------------------------------- */

/* Runs `body` on a stack below 4 GiB, for ever. Call it first of all, on the main thread. */
_Noreturn void worker_enter_low_stack(void (*body)(void));

/* Takes every mapping at or above `start` away and checks that none is left below `end`. Returns 0 or an errno. */
int worker_clear_addresses(uint64_t start, uint64_t end);

/* ---- Lock-down (lockdown.c) ------------------------------------------------------------------------------------ */

/* Limits, death with the parent, no new privileges, no descriptors but the channel. Returns 0 or an errno. */
int worker_set_limits(int channel);

/*
 * Installs the filter on all threads. mmap is asked of the host: `announcement` is sent over the channel together with
 * the listener, after which sending descriptors is forbidden as well. Returns 0 or an errno.
 */
int worker_install_filter(int channel, const void *announcement, size_t bytes);

/* ---- System calls (system.c) ----------------------------------------------------------------------------------- */

/* One message, waiting for it. Returns its size, 0 at the end of the channel, or a negative errno. */
long worker_receive(int channel, void *buffer, size_t capacity);
/* Returns 0 or an errno. */
int worker_send(int channel, const void *bytes, size_t size);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t worker_clock(void);
_Noreturn void worker_exit(int status);

enum worker_protection { WORKER_READ = 1, WORKER_WRITE = 2, WORKER_EXECUTE = 4 };
/* Shared, at exactly this address. Returns 0 or an errno. */
int worker_map_shared(uint64_t address, uint64_t length, int file, uint64_t offset, uint32_t protection);
/* Private, at exactly this address. Returns 0 or an errno. */
int worker_map_private(uint64_t address, uint64_t length, int file, uint64_t offset, uint32_t protection);
/*
 * Zeros at exactly this address, which take writes and forget them. `offset` is what the host expects in the call; the
 * kernel does not look at it. Returns 0 or an errno.
 */
int worker_map_zeros(uint64_t address, uint64_t length, uint64_t offset);
/* Returns 0 or an errno. */
int worker_unmap(uint64_t address, uint64_t length);

/* A mutex of one word, zero at first. */
typedef struct { _Atomic uint32_t word; } worker_mutex;
void worker_lock(worker_mutex *mutex);
void worker_unlock(worker_mutex *mutex);
worker_mutex *worker_make_mutex(void);

/* ---- Engines and lanes (pool.c) -------------------------------------------------------------------------------- */

struct worker_engine;

/*
 * Makes `engines` engine threads that run `body(engine, index)` for ever, and `lanes - 1` threads that help whichever
 * engine has work to share. Returns 0 or an errno.
 */
int worker_start_threads(uint32_t engines, uint32_t lanes, void (*body)(struct worker_engine *, uint32_t));
struct worker_engine *worker_engine_at(uint32_t index);

struct worker_job {
    uint64_t id;
    uint64_t address;
    uint64_t length;
};

/* For the service thread: hands a job to an idle engine. False when the engine has one. */
bool worker_engine_submit(struct worker_engine *engine, struct worker_job job);
/* For the service thread: makes the job leave, if the engine still has it. */
void worker_engine_abort(struct worker_engine *engine, uint64_t job);
/* For the engine's thread: waits for a job, and says that it has left. */
struct worker_job worker_engine_next(struct worker_engine *engine);
void worker_engine_finish(struct worker_engine *engine);
/* For the engine's thread: whether its job is being aborted. */
bool worker_engine_stopping(struct worker_engine *engine);

/* An answer of the host that an engine waits for. */
struct worker_answer {
    uint32_t kind;
    uint64_t values[3];
};
/* For the engine's thread, before it asks. */
void worker_engine_expect_answer(struct worker_engine *engine);
/* False when the job is aborted first. */
bool worker_engine_wait_answer(struct worker_engine *engine, struct worker_answer *answer);
/* For the service thread. Nothing happens unless the engine's job is `job` and it waits. */
void worker_engine_answer(struct worker_engine *engine, uint64_t job, struct worker_answer answer);

/* ---- Guarded work, on an engine's thread (guard.c, transfer.c, dispatch.c) ------------------------------------- */

enum worker_outcome { WORKER_DONE = 0, WORKER_FAULTED = 1, WORKER_STOPPED = 2 };

/* A signal that ended guarded work. */
struct worker_fault {
    int32_t signal;
    int32_t code;          /* si_code; for SIGSYS the system call's number */
    uint64_t address;      /* touched; the instruction's for signals that are not about memory */
    bool address_known;
    bool is_write;
    bool is_lane_stack;    /* the address lies in the guard below a lane's stack */
};

/* Copies GPU memory to private memory. */
enum worker_outcome worker_fetch(struct worker_engine *, void *destination, uint64_t source, uint64_t bytes,
                                 struct worker_fault *);
/* Moves bytes within GPU memory; large ones are shared by the lanes. */
enum worker_outcome worker_copy(struct worker_engine *, uint64_t destination, uint64_t source, uint64_t bytes,
                                struct worker_fault *);
enum worker_outcome worker_fill(struct worker_engine *, uint64_t destination, uint64_t bytes, uint32_t pattern,
                                struct worker_fault *);
enum worker_outcome worker_store32(struct worker_engine *, uint64_t address, uint32_t value, struct worker_fault *);
enum worker_outcome worker_store64(struct worker_engine *, uint64_t address, uint64_t value, struct worker_fault *);
enum worker_outcome worker_touch(struct worker_engine *, uint64_t address, bool write, struct worker_fault *);
/* Never done. */
enum worker_outcome worker_hang(struct worker_engine *, struct worker_fault *);
/* Compares private memory with GPU memory. */
enum worker_outcome worker_compare(struct worker_engine *, const void *bytes, uint64_t address, uint64_t count,
                                   bool *equal, struct worker_fault *);

struct worker_dispatch {
    uint64_t entry;
    uint64_t arguments;
    uint32_t groups[3];
    uint32_t group_size[3];
    uint64_t group_memory;
};
enum worker_outcome worker_run_groups(struct worker_engine *, const struct worker_dispatch *, struct worker_fault *);

/* Adds `bias` to the targets of relative relocations: pairs of target and addend. */
void worker_relocate(uint64_t bias, const uint64_t *pairs, uint64_t count);
/* Low memory as the host laid it out. */
uint64_t worker_load_word(uint64_t address, uint64_t index);

#endif
