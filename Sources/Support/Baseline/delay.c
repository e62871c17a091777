/// `baseline delay`: a bad way to a name server, for kernels without netem: it loses questions and holds answers
/// back.
///
/// UDP alone, over one socket. Every answer waits for the same time, so the queue is in order of what is due.
#define _GNU_SOURCE
#include "baseline.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/// Answers held back at most; more are lost, as in a router's queue.
enum { queueLimit = 1 << 14 };

/// Who asked, by the ID that the upstream sees.
struct Asker {
    struct sockaddr_in address;
    uint16_t clientID;
};

/// An answer on its way, until `due` (nanoseconds of the monotonic clock).
struct Held {
    int64_t due;
    struct sockaddr_in address;
    size_t length;
    uint8_t bytes[receiveCapacity];
};

/// The whole state of the bad way. An ID is taken again after 65,535 others.
struct Delay {
    const struct Options *options;
    int client, upstream;
    uint16_t nextID;
    struct Asker askers[1 << 16];
    struct Held queue[queueLimit];
    /// Counts of answers ever queued and ever sent; the difference waits.
    unsigned long queued, sent;
    struct Batch batch;
};

/// Toggled by SIGUSR1.
static volatile sig_atomic_t isBad = 1;

/// Makes a bad way a good one, and a good one bad.
static void toggle(int signal) {
    (void)signal;
    isBad = !isBad;
}

/// Sends one batch of questions on, but for those that are lost.
static void takeQuestions(struct Delay *delay) {
    struct Batch *batch = &delay->batch;
    struct mmsghdr questions[batchLimit];
    prepareBatch(batch, true);
    int count = receiveBatch(delay->client, batch), kept = 0;
    for (int index = 0; index < count; index++) {
        uint8_t *message = batch->bytes[index];
        size_t length = batch->headers[index].msg_len;
        bool isLost = isBad && (int)((randomBits() >> 32) % 100) < delay->options->dropPercent;
        if (length < headerLength || isLost) continue;
        uint16_t id = delay->nextID++;
        delay->askers[id] = (struct Asker){batch->peers[index], read16(message)};
        write16(message, id);
        batch->vectors[index].iov_len = length;
        questions[kept] = batch->headers[index];
        questions[kept].msg_hdr.msg_name = NULL;
        questions[kept++].msg_hdr.msg_namelen = 0;
    }
    sendBatch(delay->upstream, questions, kept);
}

/// Queues one batch of answers.
static void takeAnswers(struct Delay *delay) {
    struct Batch *batch = &delay->batch;
    prepareBatch(batch, false);
    int count = receiveBatch(delay->upstream, batch);
    int64_t wait = isBad ? (int64_t)delay->options->delayMilliseconds * 1000000 : 0;
    int64_t due = nanoseconds(CLOCK_MONOTONIC) + wait;
    for (int index = 0; index < count && delay->queued - delay->sent < queueLimit; index++) {
        size_t length = batch->headers[index].msg_len;
        if (length < headerLength) continue;
        const struct Asker *asker = &delay->askers[read16(batch->bytes[index])];
        struct Held *held = &delay->queue[delay->queued++ % queueLimit];
        held->due = due;
        held->address = asker->address;
        held->length = length;
        memcpy(held->bytes, batch->bytes[index], length);
        write16(held->bytes, asker->clientID);
    }
}

/// Sends the answers that are due; returns the nanoseconds until the next is, -1 where none waits.
static int64_t sendAnswers(struct Delay *delay) {
    int64_t now = nanoseconds(CLOCK_MONOTONIC);
    // Ends: every turn shortens the queue.
    while (delay->sent < delay->queued) {
        const struct Held *held = &delay->queue[delay->sent % queueLimit];
        if (held->due > now) return held->due - now;
        sendto(delay->client, held->bytes, held->length, MSG_DONTWAIT,
               (const struct sockaddr *)&held->address, sizeof held->address);
        delay->sent++;
    }
    return -1;
}

void runDelay(const struct Options *options) {
    static struct Delay delay;
    delay.options = options;
    delay.client = openListener(options->on, options->port);
    delay.upstream = openConnected(options->upstreamPort);
    struct sigaction action = {.sa_handler = toggle};
    sigaction(SIGUSR1, &action, NULL);
    for (;;) {
        int64_t wait = sendAnswers(&delay);
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        struct pollfd ready[2] = {
            {.fd = delay.client, .events = POLLIN}, {.fd = delay.upstream, .events = POLLIN}};
        if (ppoll(ready, 2, wait < 0 ? NULL : &timeout, NULL) <= 0) continue;
        if (ready[0].revents != 0) takeQuestions(&delay);
        if (ready[1].revents != 0) takeAnswers(&delay);
    }
}
