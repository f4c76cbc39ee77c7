/*
 * The Linux calls that Swift's Glibc module does not offer, as plain functions.
 *
 * Each returns what the call of the same name returns and leaves the error in errno. Feature test macros are set in the
 * .c file only: set here they would change how Swift imports the C library's own types.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most descriptors that the kernel lets one message carry (SCM_MAX_FD). */
#define LINUX_MAXIMUM_DESCRIPTORS 253

/* Memory files. */
#define LINUX_SEAL_SEAL 0x1
#define LINUX_SEAL_SHRINK 0x2
#define LINUX_SEAL_GROW 0x4
#define LINUX_SEAL_WRITE 0x8
#define LINUX_SEAL_FUTURE_WRITE 0x10

/* A close-on-exec memory file that takes seals and can never be executed as a program where the kernel knows that. */
int linux_memfd_create(const char *name);
int linux_add_seals(int descriptor, unsigned int seals);
int linux_get_seals(int descriptor);
/* 1 for a file on tmpfs, which memory files are as well; 0 for another. */
int linux_is_on_tmpfs(int descriptor);
int linux_punch_hole(int descriptor, int64_t offset, int64_t length);

/* Descriptors. Every new one is close-on-exec. */
int linux_eventfd(unsigned int value, int semaphore);
int linux_duplicate(int descriptor);
int linux_set_nonblocking(int descriptor, int on);
int linux_close_range(unsigned int first, unsigned int last);
int linux_close_range_on_exec(unsigned int first, unsigned int last);

/* Sockets: close-on-exec, and non-blocking where asked. */
int linux_socket(int family, int type, int nonblocking);
int linux_socketpair(int type, int nonblocking, int pair[2]);
int linux_accept(int listener, struct sockaddr *address, socklen_t *length);
int linux_peer_credentials(int socket, int32_t *process, uint32_t *user, uint32_t *group);

/* Never raises SIGPIPE. The descriptors travel with the first byte. */
ssize_t linux_sendmsg(int socket, struct iovec *parts, size_t part_count, const int *descriptors,
                      size_t descriptor_count);

/*
 * Receives bytes and descriptors; the latter arrive close-on-exec. `descriptors` has room for
 * LINUX_MAXIMUM_DESCRIPTORS. `truncated` gets MSG_TRUNC and MSG_CTRUNC.
 */
ssize_t linux_recvmsg(int socket, void *buffer, size_t capacity, int *descriptors, size_t *descriptor_count,
                      int *truncated);

/* Processes and threads. */
int linux_gettid(void);
int linux_tgkill(int process, int thread, int signal);
int linux_pidfd_open(int process);
int linux_set_no_new_privileges(void);
int linux_set_parent_death_signal(int signal);
int linux_set_dumpable(int on);

/* seccomp(2) and its user notification. */
#define LINUX_SECCOMP_THREAD_SYNC 0x1u
#define LINUX_SECCOMP_LOG 0x2u
#define LINUX_SECCOMP_SPEC_ALLOW 0x4u
#define LINUX_SECCOMP_NEW_LISTENER 0x8u
#define LINUX_SECCOMP_THREAD_SYNC_ESRCH 0x10u
#define LINUX_SECCOMP_WAIT_KILLABLE 0x20u

int linux_seccomp_install(const struct sock_filter *instructions, unsigned short count, unsigned int flags);
int linux_seccomp_receive(int listener, struct seccomp_notif *notification);
int linux_seccomp_respond(int listener, uint64_t identifier, int64_t value, int32_t negative_errno, int proceed);
int linux_seccomp_is_pending(int listener, uint64_t identifier);
/* Wakes the answered thread on the answering CPU; kernels before 6.6 refuse with EINVAL. */
int linux_seccomp_set_synchronous_wakeup(int listener);
/* Puts a descriptor into the waiting process under a number of the caller's choice, replacing what is there. */
int linux_seccomp_place_descriptor(int listener, uint64_t identifier, int descriptor, unsigned int number);

/* 64-bit words in memory that another process sees. The address is 8-byte aligned. */
static inline uint64_t linux_load_acquire(const void *address)
{
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_ACQUIRE);
}

static inline void linux_store_release(void *address, uint64_t value)
{
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELEASE);
}

/* Whether the processor and the system provide AVX2 and FMA. */
int linux_has_avx2(void);
