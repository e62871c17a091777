/// Sockets, batches, random bits and time.
#define _GNU_SOURCE
#include "baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/// What we ask for as socket buffers, in octets; the kernel cuts it to net.core.{r,w}mem_max.
static const int socketBuffer = 4 << 20;

_Noreturn void fail(const char *what) {
    fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

/// An address, 0: loopback, with a port.
static struct sockaddr_in endpoint(in_addr_t address, uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = address == 0 ? htonl(INADDR_LOOPBACK) : address};
}

int openDatagram(void) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("socket");
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &socketBuffer, sizeof socketBuffer);  // best effort
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &socketBuffer, sizeof socketBuffer);
    return descriptor;
}

int openListener(in_addr_t on, uint16_t port) {
    int descriptor = openDatagram();
    struct sockaddr_in address = endpoint(on, port);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    return descriptor;
}

int openConnected(uint16_t port) { return openConnectedTo(0, port, 0); }

int openConnectedTo(in_addr_t to, uint16_t port, in_addr_t from) {
    int descriptor = openDatagram();
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = from};
    if (from != 0 && bind(descriptor, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
    struct sockaddr_in address = endpoint(to, port);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    return descriptor;
}

int openStreamListener(in_addr_t on, uint16_t port) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (descriptor < 0) fail("socket");
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = endpoint(on, port);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(descriptor, 128) < 0) fail("listen");
    return descriptor;
}

void watch(int epoll, int descriptor, uint64_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) fail("epoll_ctl");
}

void prepareBatch(struct Batch *batch, bool named) {
    memset(batch->headers, 0, sizeof batch->headers);
    for (int index = 0; index < batchLimit; index++) {
        batch->vectors[index] = (struct iovec){batch->bytes[index], receiveCapacity};
        batch->headers[index].msg_hdr.msg_iov = &batch->vectors[index];
        batch->headers[index].msg_hdr.msg_iovlen = 1;
        if (!named) continue;
        batch->headers[index].msg_hdr.msg_name = &batch->peers[index];
        batch->headers[index].msg_hdr.msg_namelen = sizeof batch->peers[index];
    }
}

int receiveBatch(int socket, struct Batch *batch) {
    int count = recvmmsg(socket, batch->headers, batchLimit, MSG_DONTWAIT, NULL);
    if (count >= 0) return count;
    // ECONNREFUSED: an ICMP error of an earlier send on a connected socket; the questions count as lost.
    if (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED) return 0;
    fail("recvmmsg");
}

void sendBatch(int socket, struct mmsghdr *headers, int count) {
    int sent = 0;
    // Ends: every turn sends at least one message or gives up.
    while (sent < count) {
        int result = sendmmsg(socket, headers + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        if (result <= 0) return;
        sent += result;
    }
}

uint64_t randomBits(void) {
    static uint64_t state = 0;
    while (state == 0) {
        if (getrandom(&state, sizeof state, 0) != sizeof state) fail("getrandom");
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

int64_t nanoseconds(int clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
