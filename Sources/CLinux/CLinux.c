#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Newer than the headers of the oldest system that this builds on. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

_Static_assert(LINUX_SEAL_FUTURE_WRITE == F_SEAL_FUTURE_WRITE && LINUX_SEAL_SHRINK == F_SEAL_SHRINK, "seals");

int linux_memfd_create(const char *name)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (descriptor < 0 && errno == EINVAL)
        descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor;
}

int linux_add_seals(int descriptor, unsigned int seals)
{
    return fcntl(descriptor, F_ADD_SEALS, (int)seals);
}

int linux_get_seals(int descriptor)
{
    return fcntl(descriptor, F_GET_SEALS);
}

int linux_is_on_tmpfs(int descriptor)
{
    struct statfs status;

    return fstatfs(descriptor, &status) < 0 ? -1 : status.f_type == TMPFS_MAGIC;
}

int linux_punch_hole(int descriptor, int64_t offset, int64_t length)
{
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_eventfd(unsigned int value, int semaphore)
{
    return eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0));
}

int linux_duplicate(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

int linux_set_nonblocking(int descriptor, int on)
{
    int flags = fcntl(descriptor, F_GETFL);

    if (flags < 0)
        return -1;
    return fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int linux_close_range(unsigned int first, unsigned int last)
{
    return (int)syscall(SYS_close_range, first, last, 0);
}

int linux_close_range_on_exec(unsigned int first, unsigned int last)
{
    return (int)syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC);
}

int linux_socket(int family, int type, int nonblocking)
{
    return socket(family, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
}

int linux_socketpair(int type, int nonblocking, int pair[2])
{
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, pair);
}

int linux_accept(int listener, struct sockaddr *address, socklen_t *length)
{
    return accept4(listener, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int linux_peer_credentials(int socket, int32_t *process, uint32_t *user, uint32_t *group)
{
    struct ucred credentials = {.pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t length = sizeof(credentials);

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return -1;
    *process = credentials.pid;
    *user = credentials.uid;
    *group = credentials.gid;
    return 0;
}

union control_buffer {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(LINUX_MAXIMUM_DESCRIPTORS * sizeof(int))];
};

ssize_t linux_sendmsg(int socket, struct iovec *parts, size_t part_count, const int *descriptors,
                      size_t descriptor_count)
{
    union control_buffer control;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = part_count};

    if (descriptor_count > LINUX_MAXIMUM_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    if (descriptor_count > 0) {
        size_t bytes = descriptor_count * sizeof(int);

        memset(&control, 0, CMSG_SPACE(bytes));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(&control.header), descriptors, bytes);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(bytes);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t linux_recvmsg(int socket, void *buffer, size_t capacity, int *descriptors, size_t *descriptor_count,
                      int *truncated)
{
    union control_buffer control;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    size_t received = 0;
    ssize_t bytes = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

    *descriptor_count = 0;
    *truncated = 0;
    if (bytes < 0)
        return bytes;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        size_t count;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < count; index++) {
            int descriptor;

            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
            if (received < LINUX_MAXIMUM_DESCRIPTORS)
                descriptors[received++] = descriptor;
            else
                close(descriptor);
        }
    }
    *descriptor_count = received;
    *truncated = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    return bytes;
}

int linux_gettid(void)
{
    return (int)syscall(SYS_gettid);
}

int linux_tgkill(int process, int thread, int signal)
{
    return (int)syscall(SYS_tgkill, process, thread, signal);
}

int linux_pidfd_open(int process)
{
    return (int)syscall(SYS_pidfd_open, process, 0);
}

int linux_set_no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
}

int linux_set_parent_death_signal(int signal)
{
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0UL, 0UL, 0UL);
}

int linux_set_dumpable(int on)
{
    return prctl(PR_SET_DUMPABLE, on ? 1UL : 0UL, 0UL, 0UL, 0UL);
}

int linux_seccomp_install(const struct sock_filter *instructions, unsigned short count, unsigned int flags)
{
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

int linux_seccomp_receive(int listener, struct seccomp_notif *notification)
{
    memset(notification, 0, sizeof(*notification));
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification);
}

int linux_seccomp_respond(int listener, uint64_t identifier, int64_t value, int32_t negative_errno, int proceed)
{
    struct seccomp_notif_resp response = {
        .id = identifier,
        .val = value,
        .error = negative_errno,
        .flags = proceed ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
    };

    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

int linux_seccomp_is_pending(int listener, uint64_t identifier)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &identifier);
}

int linux_seccomp_set_synchronous_wakeup(int listener)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

int linux_seccomp_place_descriptor(int listener, uint64_t identifier, int descriptor, unsigned int number)
{
    struct seccomp_notif_addfd request = {
        .id = identifier,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)descriptor,
        .newfd = number,
    };

    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
}

int linux_has_avx2(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}
