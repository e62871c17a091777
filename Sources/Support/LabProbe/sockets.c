// Sockets in other network namespaces than the process is in.
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int lab_socket(const char *space, int family, int type, int protocol)
{
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int away = open(space, O_RDONLY | O_CLOEXEC);
    int made = -1, reason = errno;
    if (home >= 0 && away >= 0 && setns(away, CLONE_NEWNET) == 0) {
        made = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        reason = errno;
        // The thread belongs to the caller and must stay in its namespace.
        if (setns(home, CLONE_NEWNET) != 0) abort();
    } else {
        reason = errno;
    }
    if (home >= 0) close(home);
    if (away >= 0) close(away);
    errno = reason;
    return made;
}

socklen_t lab_read_address(const char *text, uint16_t port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return sizeof *six;
    }
    errno = EINVAL;
    return 0;
}

int lab_server(const char *space, int type, uint16_t port)
{
    int server = lab_socket(space, AF_INET6, type, 0);
    if (server < 0) return -1;
    int no = 0, yes = 1;
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    if (setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0
        && setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0
        && setsockopt(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes) == 0
        && bind(server, (struct sockaddr *)&any, sizeof any) == 0
        && (type != SOCK_STREAM || listen(server, 128) == 0))
        return server;
    int reason = errno;
    close(server);
    errno = reason;
    return -1;
}

int64_t lab_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
