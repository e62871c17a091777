/// `baseline answer`: the least that answering can cost.
#define _GNU_SOURCE
#include "baseline.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/// Octets read from a TCP client at once.
enum { streamCapacity = 1 << 16 };
/// Tags of the two listening sockets in the epoll set; every other tag is a `struct Stream *`.
enum { datagramTag = 1, streamTag = 2 };

/// One TCP client: the `used` octets that have arrived and are not answered yet.
struct Stream {
    int descriptor;
    size_t used;
    uint8_t bytes[streamCapacity];
};

/// Questions answered so far, over UDP and TCP.
static unsigned long long answered = 0;
/// Set by SIGUSR1: print the count.
static volatile sig_atomic_t countWanted = 0;

/// Requests printing of the count.
static void wantCount(int signal) {
    (void)signal;
    countWanted = 1;
}

/// Answers one batch of datagrams.
static void answerDatagrams(int socket, struct Batch *batch, const struct Options *options) {
    int count = receiveBatch(socket, batch), kept = 0;
    struct mmsghdr replies[batchLimit];
    for (int index = 0; index < count; index++) {
        size_t length = answerInPlace(batch->bytes[index], batch->headers[index].msg_len, options);
        if (length == 0) continue;
        batch->vectors[index].iov_len = length;
        replies[kept++] = batch->headers[index];
    }
    sendBatch(socket, replies, kept);
    for (int index = 0; index < count; index++) batch->vectors[index].iov_len = receiveCapacity;
    answered += (unsigned)kept;
}

/// Writes all of it, waiting if the client is slow to read: it is the one that measures.
static bool writeAll(int descriptor, const uint8_t *bytes, size_t length) {
    // Ends: every turn writes something, waits at most a second for room, or gives up.
    while (length > 0) {
        ssize_t written = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
            continue;
        }
        if (errno != EAGAIN) return false;
        struct pollfd room = {.fd = descriptor, .events = POLLOUT};
        if (poll(&room, 1, 1000) <= 0) return false;
    }
    return true;
}

/// Answers every whole question of the stream, with one write if the answers fit; false: close it.
static bool answerStream(struct Stream *stream, const struct Options *options) {
    static uint8_t replies[streamCapacity * 3];
    ssize_t count = recv(stream->descriptor, stream->bytes + stream->used, streamCapacity - stream->used, 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    stream->used += (size_t)count;
    size_t position = 0, filled = 0;
    while (stream->used - position >= 2) {
        size_t length = read16(stream->bytes + position);
        if (length > receiveCapacity) return false;
        if (stream->used - position - 2 < length) break;
        if (sizeof replies - filled < 2 + length + answerGrowth) {
            if (!writeAll(stream->descriptor, replies, filled)) return false;
            filled = 0;
        }
        memcpy(replies + filled + 2, stream->bytes + position + 2, length);
        size_t reply = answerInPlace(replies + filled + 2, length, options);
        if (reply == 0) return false;
        write16(replies + filled, (uint16_t)reply);
        filled += reply + 2;
        position += length + 2;
        answered++;
    }
    memmove(stream->bytes, stream->bytes + position, stream->used - position);
    stream->used -= position;
    return writeAll(stream->descriptor, replies, filled);
}

/// Accepts a TCP client; one that cannot be accepted may try again.
static void acceptStream(int listener, int epoll) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    int yes = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // whole batches are written anyway
    struct Stream *stream = malloc(sizeof *stream);
    if (stream == NULL) fail("malloc");
    stream->descriptor = descriptor;
    stream->used = 0;
    watch(epoll, descriptor, (uint64_t)(uintptr_t)stream);
}

/// Serves a client's stream and closes it at its end.
static void serveStream(struct Stream *stream, const struct Options *options) {
    if (answerStream(stream, options)) return;
    close(stream->descriptor);
    free(stream);
}

void runAnswer(const struct Options *options) {
    static struct Batch batch;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int datagrams = openListener(options->on, options->port), streams = openStreamListener(options->on, options->port);
    struct sigaction action = {.sa_handler = wantCount};  // no SA_RESTART: epoll_wait returns with EINTR
    sigaction(SIGUSR1, &action, NULL);
    watch(epoll, datagrams, datagramTag);
    watch(epoll, streams, streamTag);
    prepareBatch(&batch, true);
    for (;;) {
        struct epoll_event events[batchLimit];
        int ready = epoll_wait(epoll, events, batchLimit, -1);
        if (countWanted) {
            countWanted = 0;
            printf("%llu\n", answered);
            fflush(stdout);
        }
        for (int index = 0; index < ready; index++) {
            uint64_t tag = events[index].data.u64;
            if (tag == datagramTag) answerDatagrams(datagrams, &batch, options);
            else if (tag == streamTag) acceptStream(streams, epoll);
            else serveStream((struct Stream *)(uintptr_t)tag, options);
        }
    }
}
