// A stream of small datagrams from one namespace to another and back, by a thread of its own: the longest time without
// an answer is the gap that a change of the network made.
#define _GNU_SOURCE
#include "LabProbe.h"
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/// From one datagram to the next, in milliseconds.
enum { interval = 4 };

struct lab_stream {
    pthread_t thread;
    int client, server, listener;
    atomic_bool stop;
    /// The time of the last answer, and the longest time between two since the last reset.
    _Atomic int64_t last, gap;
};

/// Takes all that waits at `socket`; sends it back if `answers`. How many there were.
static int drain(int socket, int answers)
{
    int count = 0;
    for (;;) {  // ends with the datagrams that wait
        char octets[64];
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(socket, octets, sizeof octets, 0, (struct sockaddr *)&from, &length);
        if (size < 0) return count;
        count++;
        if (answers) sendto(socket, octets, (size_t)size, 0, (struct sockaddr *)&from, length);
    }
}

/// Accepts and closes: new connections need no more.
static void accept_all(int listener)
{
    for (;;) {  // ends with the connections that wait
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (accepted < 0) return;
        close(accepted);
    }
}

static void *run(void *argument)
{
    struct lab_stream *stream = argument;
    int64_t next = lab_now();
    while (!atomic_load(&stream->stop)) {
        int64_t now = lab_now();
        if (now >= next) {
            send(stream->client, "x", 1, 0);
            next = now + interval;
        }
        struct pollfd sockets[3] = {
            { .fd = stream->client, .events = POLLIN },
            { .fd = stream->server, .events = POLLIN },
            { .fd = stream->listener, .events = POLLIN },
        };
        poll(sockets, 3, (int)(next > now ? next - now : 0));
        drain(stream->server, 1);
        accept_all(stream->listener);
        now = lab_now();
        int64_t gap = now - atomic_load(&stream->last);
        if (gap > atomic_load(&stream->gap)) atomic_store(&stream->gap, gap);
        if (drain(stream->client, 0) > 0) atomic_store(&stream->last, now);
    }
    return NULL;
}

struct lab_stream *lab_stream_start(const char *from, const char *to, const char *address, uint16_t port)
{
    struct lab_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    struct sockaddr_storage target;
    socklen_t length = lab_read_address(address, port, &target);
    stream->server = lab_server(to, SOCK_DGRAM, port);
    stream->listener = lab_server(to, SOCK_STREAM, port);
    stream->client = length ? lab_socket(from, target.ss_family, SOCK_DGRAM, 0) : -1;
    stream->last = lab_now();
    if (stream->server >= 0 && stream->listener >= 0 && stream->client >= 0
        && connect(stream->client, (struct sockaddr *)&target, length) == 0
        && pthread_create(&stream->thread, NULL, run, stream) == 0)
        return stream;
    int reason = errno;
    if (stream->server >= 0) close(stream->server);
    if (stream->listener >= 0) close(stream->listener);
    if (stream->client >= 0) close(stream->client);
    free(stream);
    errno = reason;
    return NULL;
}

int64_t lab_stream_silence(struct lab_stream *stream) { return lab_now() - atomic_load(&stream->last); }

int64_t lab_stream_gap(struct lab_stream *stream)
{
    // What has not ended yet counts as well.
    int64_t silence = lab_stream_silence(stream);
    int64_t gap = atomic_exchange(&stream->gap, 0);
    return gap > silence ? gap : silence;
}

void lab_stream_stop(struct lab_stream *stream)
{
    atomic_store(&stream->stop, 1);
    pthread_join(stream->thread, NULL);
    close(stream->server);
    close(stream->listener);
    close(stream->client);
    free(stream);
}
