#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// What the Swift side writes and reads by offset.
_Static_assert(sizeof(struct clinux_message) == sizeof(struct mmsghdr), "mmsghdr");
_Static_assert(offsetof(struct clinux_message, length) == offsetof(struct mmsghdr, msg_len), "mmsghdr.msg_len");
_Static_assert(sizeof(struct clinux_packet_info6) == sizeof(struct in6_pktinfo), "in6_pktinfo");
_Static_assert(sizeof(struct in_pktinfo) == 12 && offsetof(struct in_pktinfo, ipi_spec_dst) == 4, "in_pktinfo");
_Static_assert(offsetof(struct in6_pktinfo, ipi6_ifindex) == 16, "in6_pktinfo.ipi6_ifindex");
_Static_assert(sizeof(struct cmsghdr) == 16 && CMSG_LEN(0) == 16, "cmsghdr");
_Static_assert(offsetof(struct cmsghdr, cmsg_level) == 8 && offsetof(struct cmsghdr, cmsg_type) == 12, "cmsghdr");
_Static_assert(CMSG_SPACE(12) == 32 && CMSG_SPACE(20) == 40, "CMSG_SPACE");
_Static_assert(sizeof(struct sockaddr_in) == 16 && offsetof(struct sockaddr_in, sin_addr) == 4, "sockaddr_in");
_Static_assert(sizeof(struct sockaddr_in6) == 28 && offsetof(struct sockaddr_in6, sin6_addr) == 8, "sockaddr_in6");
_Static_assert(offsetof(struct sockaddr_in6, sin6_scope_id) == 24, "sockaddr_in6.sin6_scope_id");

int clinux_recvmmsg(int socket, struct clinux_message *messages, unsigned int count, int flags) {
    return recvmmsg(socket, (struct mmsghdr *)messages, count, flags, NULL);
}

int clinux_sendmmsg(int socket, struct clinux_message *messages, unsigned int count, int flags) {
    return sendmmsg(socket, (struct mmsghdr *)messages, count, flags);
}

int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
    return accept4(socket, address, length, flags);
}

int clinux_local_address(struct sockaddr_un *address, const char *path) {
    size_t length = strlen(path);
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int clinux_service_address(struct sockaddr_un *address, const char *name) {
    if (clinux_local_address(address, name) != 0) return -1;
    int length = (int)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (name[0] != '@') return length + 1;
    address->sun_path[0] = '\0';
    return length;
}

int clinux_peer_owner(int socket, uid_t *user, gid_t *group) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

int clinux_peer_groups(int socket, gid_t *groups, int capacity) {
    socklen_t length = (socklen_t)capacity * sizeof *groups;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0) return -1;
    return (int)(length / sizeof *groups);
}

int clinux_is_socket(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) return -1;
    return S_ISSOCK(status.st_mode);
}

int clinux_bind_netlink(int socket) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    return bind(socket, (struct sockaddr *)&address, sizeof address);
}

ssize_t clinux_receive_netlink(int socket, void *buffer, size_t count, int *name_space) {
    char control[64] __attribute__((aligned(sizeof(size_t))));
    struct iovec part = {.iov_base = buffer, .iov_len = count};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received = recvmsg(socket, &header, 0);
    *name_space = -1;
    if (received < 0) return received;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item))
        if (item->cmsg_level == SOL_NETLINK && item->cmsg_type == NETLINK_LISTEN_ALL_NSID)
            memcpy(name_space, CMSG_DATA(item), sizeof *name_space);
    return received;
}

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

uint64_t clinux_event_token(const struct epoll_event *event) { return event->data.u64; }

int clinux_errno(void) { return errno; }

const char *clinux_errno_name(int number) { return strerrorname_np(number); }

const char *clinux_errno_text(int number) { return strerrordesc_np(number); }

int clinux_set_thread_name(pthread_t thread, const char *name) { return pthread_setname_np(thread, name); }

int clinux_affinity_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

int clinux_get_descriptor_limit(struct rlimit *limit) { return getrlimit(RLIMIT_NOFILE, limit); }

int clinux_set_descriptor_limit(const struct rlimit *limit) { return setrlimit(RLIMIT_NOFILE, limit); }

int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int clinux_process_descriptor(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) != 0 ? -1 : fcntl(ends[0], F_SETFL, O_NONBLOCK); }

int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

const int clinux_ipv4_pmtu_omit = IP_PMTUDISC_OMIT;
const int clinux_ipv6_pmtu_omit = IPV6_PMTUDISC_OMIT;
const int clinux_nonblocking_stream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const int clinux_nonblocking_datagram = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const int clinux_nonblocking_raw = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
const int clinux_local_datagram = SOCK_DGRAM | SOCK_CLOEXEC;
const int clinux_accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
const int clinux_eventfd_flags = EFD_NONBLOCK | EFD_CLOEXEC;
const int clinux_signalfd_flags = SFD_NONBLOCK | SFD_CLOEXEC;
const int clinux_epoll_flags = EPOLL_CLOEXEC;
const int clinux_netlink_type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
const int clinux_inotify_flags = IN_NONBLOCK | IN_CLOEXEC;
const short clinux_spawn_flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
const short clinux_spawn_session = POSIX_SPAWN_SETSID;
