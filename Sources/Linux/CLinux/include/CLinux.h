// What Swift cannot import from the kernel's and glibc's headers by itself: most of it stands behind _GNU_SOURCE
// or is a macro. Declarations alone; CLinux.c has one line for each, and checks the layouts that Swift relies on.
#ifndef NAMEBRIDGE_CLINUX_H
#define NAMEBRIDGE_CLINUX_H

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "CLinuxProcess.h"

/// One datagram of a batch; the layout of struct mmsghdr.
struct clinux_message {
    struct msghdr header;
    unsigned int length;
};

/// An IPv6 address and an interface's index; the layout of struct in6_pktinfo.
struct clinux_packet_info6 {
    struct in6_addr address;
    unsigned int interface;
};


int clinux_recvmmsg(int socket, struct clinux_message *messages, unsigned int count, int flags);
int clinux_sendmmsg(int socket, struct clinux_message *messages, unsigned int count, int flags);
int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

/// Fills a sockaddr_un; -1 with ENAMETOOLONG where `path` does not fit.
int clinux_local_address(struct sockaddr_un *address, const char *path);
/// As clinux_local_address; a name that begins with "@" is an abstract one (unix(7)). The address's length, or -1.
int clinux_service_address(struct sockaddr_un *address, const char *name);
/// The user and the group of the process at the other end of a local socket (SO_PEERCRED); -1 with errno.
int clinux_peer_owner(int socket, uid_t *user, gid_t *group);
/// The other groups of that process (SO_PEERGROUPS), at most `capacity`; their number, or -1 with errno.
int clinux_peer_groups(int socket, gid_t *groups, int capacity);
/// 1 where `path` is a socket, 0 if it is something else; -1 with errno. Does not follow a symbolic link.
int clinux_is_socket(const char *path);

/// bind(2) of a netlink socket to the address that the kernel chooses.
int clinux_bind_netlink(int socket);
/// recv(2) of a netlink socket; `name_space` becomes the number of the network namespace that the datagram is of,
/// -1 if it is the socket's own (NETLINK_LISTEN_ALL_NSID).
ssize_t clinux_receive_netlink(int socket, void *buffer, size_t count, int *name_space);

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);
uint64_t clinux_event_token(const struct epoll_event *event);

/// The errno of the last call of this thread.
int clinux_errno(void);
/// `ENOENT` and the like; NULL where the number is unknown. Static storage.
const char *clinux_errno_name(int number);
/// The text of strerror(3) in English; NULL where the number is unknown. Static storage.
const char *clinux_errno_text(int number);

int clinux_set_thread_name(pthread_t thread, const char *name);
/// The number of processors that this process may run on; -1 with errno.
int clinux_affinity_count(void);
/// getrlimit(2) and setrlimit(2) of RLIMIT_NOFILE, whose type is an enum in glibc's header.
int clinux_get_descriptor_limit(struct rlimit *limit);
int clinux_set_descriptor_limit(const struct rlimit *limit);

/// memfd_create(2): a file in memory, closed on exec.
int clinux_memory_file(const char *name);
/// pidfd_open(2): a descriptor that is readable once the process has ended, closed on exec.
int clinux_process_descriptor(pid_t process);
/// pipe2(2) with O_CLOEXEC; the end that is read does not block.
int clinux_pipe(int ends[2]);
/// posix_spawn_file_actions_addclosefrom_np(3).
int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// Constants that are enum cases or casts in the headers.
extern const int clinux_ipv4_pmtu_omit;
extern const int clinux_ipv6_pmtu_omit;
extern const int clinux_nonblocking_stream;
extern const int clinux_nonblocking_datagram;
extern const int clinux_nonblocking_raw;
extern const int clinux_local_datagram;
extern const int clinux_accept_flags;
extern const int clinux_eventfd_flags;
extern const int clinux_signalfd_flags;
extern const int clinux_epoll_flags;
extern const int clinux_netlink_type;
extern const int clinux_inotify_flags;
extern const short clinux_spawn_flags;
extern const short clinux_spawn_session;

#endif
