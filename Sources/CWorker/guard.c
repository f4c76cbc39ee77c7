#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <unistd.h>
#include <ucontext.h>

__thread struct lane *current_lane;

enum worker_outcome guarded(struct lane *lane, void (*body)(struct lane *, void *), void *argument) {
    if (sigsetjmp(lane->leave, 0) != 0) return (enum worker_outcome)lane->outcome;
    lane->armed = 1;
    /* A stop that was asked for before this line is seen here, one after it is a signal: none is lost. */
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load(&atomic_load_explicit(&lane->engine, memory_order_relaxed)->stop) != STOP_NONE) {
        lane->armed = 0;
        return WORKER_STOPPED;
    }
    body(lane, argument);
    lane->armed = 0;
    return WORKER_DONE;
}

static _Noreturn void leave(struct lane *lane, enum worker_outcome outcome) {
    /* Disarmed first: a second signal on the way out must not jump again. */
    lane->armed = 0;
    atomic_signal_fence(memory_order_seq_cst);
    lane->outcome = outcome;
    siglongjmp(lane->leave, 1);
}

static void describe_access(const ucontext_t *context, const siginfo_t *info, struct worker_fault *fault) {
    fault->address = (uint64_t)info->si_addr;
#if defined(__x86_64__)
    /* Only a page fault knows its address; a non-canonical one is a general protection fault. */
    enum { TRAP_PAGE_FAULT = 14, ERROR_WRITE = 2 };
    fault->address_known = context->uc_mcontext.gregs[REG_TRAPNO] == TRAP_PAGE_FAULT;
    fault->is_write = fault->address_known && (context->uc_mcontext.gregs[REG_ERR] & ERROR_WRITE) != 0;
    if (!fault->address_known) fault->address = 0;
#elif defined(__aarch64__)
    fault->address_known = info->si_code > 0 && info->si_code != SI_KERNEL;
    const uint8_t *record = (const uint8_t *)context->uc_mcontext.__reserved;
    for (;;) {
        uint32_t magic, size;
        __builtin_memcpy(&magic, record, 4);
        __builtin_memcpy(&size, record + 4, 4);
        if (magic == 0 || size == 0) break;
        if (magic == 0x45535201) { /* ESR_MAGIC; WnR is bit 6 of the syndrome */
            uint64_t syndrome;
            __builtin_memcpy(&syndrome, record + 8, 8);
            fault->is_write = (syndrome & 0x40) != 0;
        }
        record += size;
    }
#endif
    fault->is_lane_stack = fault->address_known && arena_is_stack_guard(fault->address);
}

static void on_fault(int signal, siginfo_t *info, void *opaque) {
    struct lane *lane = current_lane;
    /* Outside guarded work it is the worker's own mistake. */
    if (lane == NULL || !lane->armed) worker_exit(128 + signal);
    struct worker_fault fault = {.signal = signal, .code = info->si_code};
    switch (signal) {
    case SIGSEGV:
    case SIGBUS:
        describe_access(opaque, info, &fault);
        if (signal == SIGSEGV && fault.is_write && step_over_store(opaque, fault.address)) return;
        break;
    case SIGSYS:
        fault.code = info->si_syscall;
        fault.address = (uint64_t)info->si_call_addr;
        break;
    default:
        fault.address = (uint64_t)info->si_addr;
        break;
    }
    lane->fault = fault;
    leave(lane, WORKER_FAULTED);
}

static void on_stop(int signal, siginfo_t *info, void *opaque) {
    (void)signal;
    (void)info;
    (void)opaque;
    struct lane *lane = current_lane;
    if (lane == NULL || !lane->armed) return;
    struct worker_engine *engine = atomic_load_explicit(&lane->engine, memory_order_relaxed);
    /* It may have been meant for a job that has left. */
    if (atomic_load(&engine->stop) == STOP_NONE) return;
    leave(lane, WORKER_STOPPED);
}

int guard_install_handlers(void) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (size_t index = 0; index < sizeof faults / sizeof faults[0]; index++) {
        if (sigaction(faults[index], &action, NULL) != 0) return errno;
    }
    action.sa_sigaction = on_stop;
    action.sa_flags |= SA_RESTART;
    if (sigaction(STOP_SIGNAL, &action, NULL) != 0) return errno;
    /* A terminal's signals are for the host, which ends its workers in its own order. */
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGTSTP};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t index = 0; index < sizeof ignored / sizeof ignored[0]; index++) {
        if (sigaction(ignored[index], &ignore, NULL) != 0) return errno;
    }
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0 ? 0 : errno;
}

int guard_prepare_thread(struct lane *lane) {
    stack_t stack = {.ss_sp = (void *)(lane->block + SIGNAL_STACK_OFFSET), .ss_size = SIGNAL_STACK_SIZE};
    if (sigaltstack(&stack, NULL) != 0) return errno;
    lane->thread = gettid();
    current_lane = lane;
    return 0;
}
