#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Private memory in all: lanes, heap, and writable data of code objects. */
#define DATA_LIMIT (UINT64_C(1) << 30)
#define DESCRIPTOR_LIMIT 1024

static int limit(int resource, uint64_t value) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return errno;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value) value = now.rlim_max;
    struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &wanted) == 0 ? 0 : errno;
}

int worker_set_limits(int channel) {
    int error = limit(RLIMIT_CORE, 0);
    if (error == 0) error = limit(RLIMIT_DATA, DATA_LIMIT);
    if (error == 0) error = limit(RLIMIT_NOFILE, DESCRIPTOR_LIMIT);
    if (error == 0) error = limit(RLIMIT_MEMLOCK, 0);
    if (error != 0) return error;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (prctl(PR_SET_DUMPABLE, 0) != 0) return errno;
    if (channel > 0 && syscall(SYS_close_range, 0, channel - 1, 0) != 0) return errno;
    return syscall(SYS_close_range, channel + 1, ~0U, 0) == 0 ? 0 : errno;
}

/*
 * All threads. Kernels may speculate past stores as in any other process: whatever they can find out that way is memory
 * of their own address space.
 */
#define SHARED_FLAGS                                                                                                   \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_SPEC_ALLOW)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
/* One system call in two instructions. */
#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), RETURN(SECCOMP_RET_ALLOW)
/* Allowed when the low half of its first argument is `value`, a trap otherwise. */
#define ALLOW_IF_FIRST(number, value)                                                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 4), LOAD(args[0]),                                                \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_TRAP)

static int send_with_descriptor(int channel, const void *bytes, size_t size, int descriptor) {
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control = {0};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    while (sendmsg(channel, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

/*
 * The program in force for good. What is not named raises SIGSYS: within a kernel that is the end of its job. The last
 * three calls are for the way from here to the second program only.
 */
static int install_first(int channel, uint32_t process) {
    struct sock_filter program[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        RETURN(SECCOMP_RET_TRAP),
        LOAD(nr),
        ALLOW(SYS_futex),
        ALLOW_IF_FIRST(SYS_write, (uint32_t)channel),
        ALLOW_IF_FIRST(SYS_read, (uint32_t)channel),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_clock_gettime),
        ALLOW(SYS_munmap),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 1),
        RETURN(SECCOMP_RET_USER_NOTIF),
        ALLOW_IF_FIRST(SYS_tgkill, process),
        ALLOW(SYS_restart_syscall),
        /* The locks of the Swift runtime. */
        ALLOW(SYS_gettid),
        ALLOW(SYS_exit_group),
        ALLOW_IF_FIRST(SYS_sendmsg, (uint32_t)channel),
        ALLOW(SYS_close),
        ALLOW(SYS_seccomp),
        RETURN(SECCOMP_RET_TRAP),
    };
    struct sock_fprog fprog = {.len = sizeof program / sizeof program[0], .filter = program};
    long flags = SHARED_FLAGS | SECCOMP_FILTER_FLAG_NEW_LISTENER;
    /* Once the host has seen a mapping, no signal makes it a second one. Linux before 5.19 lacks this. */
    long listener =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &fprog);
    if (listener < 0 && errno == EINVAL) listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog);
    return listener < 0 ? -errno : (int)listener;
}

static int install_second(void) {
    struct sock_filter program[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        RETURN(SECCOMP_RET_TRAP),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog fprog = {.len = sizeof program / sizeof program[0], .filter = program};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SHARED_FLAGS, &fprog) == 0 ? 0 : errno;
}

int worker_install_filter(int channel, const void *announcement, size_t bytes) {
    int listener = install_first(channel, (uint32_t)getpid());
    if (listener < 0) return -listener;
    int error = send_with_descriptor(channel, announcement, bytes, listener);
    if (error != 0) return error;
    syscall(SYS_close, listener);
    return install_second();
}
