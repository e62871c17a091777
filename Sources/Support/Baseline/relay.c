/// `baseline relay`: the least that forwarding can cost, from a pool of connected sockets with random ports.
///
/// It remaps the ID and nothing else: the kernel checks the source address and port of an answer, and the
/// question in it is not compared. With a rewriting, the question's suffix is exchanged both ways; pointers
/// to the start of the question stay right, which is all that `baseline answer` uses as the upstream.
#define _GNU_SOURCE
#include "baseline.h"

#include <sys/epoll.h>
#include <stdlib.h>
#include <time.h>

/// The most upstream sockets.
enum { socketLimit = 256 };
/// The tag of the clients' socket in the epoll set; smaller tags are upstream sockets.
enum { clientTag = socketLimit };
/// Milliseconds after which an unanswered question gives up its ID.
enum { questionTimeout = 5000 };

/// A question in flight: who asked, until when; `expiry` 0: free. Indexed by the ID that the upstream sees.
struct InFlight {
    uint32_t expiry;
    uint32_t address;
    uint16_t port;
    uint16_t clientID;
    uint16_t socket;
    bool isRewritten;
};

/// The whole state of the relay.
struct Relay {
    const struct Options *options;
    int client;
    int upstreams[socketLimit];
    struct InFlight inFlight[1 << 16];
    struct Batch questions;
    struct Batch answers;
};

/// Milliseconds of a coarse clock, never 0.
static uint32_t milliseconds(void) {
    return (uint32_t)(nanoseconds(CLOCK_MONOTONIC_COARSE) / 1000000) | 1;
}

/// Draws a free ID; -1 where 16 draws found none: the question is dropped.
static int drawID(const struct Relay *relay, uint32_t now) {
    for (int attempt = 0; attempt < 16; attempt++) {
        uint16_t id = (uint16_t)(randomBits() >> 40);
        const struct InFlight *entry = &relay->inFlight[id];
        if (entry->expiry == 0 || (int32_t)(now - entry->expiry) > 0) return id;
    }
    return -1;
}

/// Makes message `index` of the batch the upstream's question over `socket`; false: drop it.
static bool takeQuestion(struct Relay *relay, int index, uint16_t socket, uint32_t now) {
    struct Batch *batch = &relay->questions;
    uint8_t *message = batch->bytes[index];
    size_t length = batch->headers[index].msg_len, sent = length;
    int id = drawID(relay, now);
    if (length < headerLength + 5 || (message[2] & 0x80) != 0 || id < 0) return false;
    if (relay->options->rewrites) {
        sent = replaceSuffix(message, length, &relay->options->outer, &relay->options->inner);
    }
    relay->inFlight[id] = (struct InFlight){
        .expiry = now + questionTimeout, .address = batch->peers[index].sin_addr.s_addr,
        .port = batch->peers[index].sin_port, .clientID = read16(message), .socket = socket,
        .isRewritten = sent != length};
    write16(message, (uint16_t)id);
    batch->vectors[index].iov_len = sent;
    return true;
}

/// Sends one batch of the clients' questions on.
static void relayQuestions(struct Relay *relay) {
    struct Batch *batch = &relay->questions;
    int count = receiveBatch(relay->client, batch), sockets = relay->options->sockets;
    if (count == 0) return;
    uint32_t now = milliseconds();
    struct mmsghdr groups[batchLimit];
    uint16_t drawn[batchLimit];
    uint16_t drawnForAll = (uint16_t)((randomBits() >> 32) % (unsigned)sockets);
    bool done[batchLimit];
    for (int index = 0; index < count; index++) {
        drawn[index] = relay->options->drawPerQuestion
            ? (uint16_t)((randomBits() >> 32) % (unsigned)sockets) : drawnForAll;
        done[index] = !takeQuestion(relay, index, drawn[index], now);
    }
    // Ends: every turn of the outer loop settles at least its own message.
    for (int first = 0; first < count; first++) {
        int grouped = 0;
        for (int index = first; index < count; index++) {
            if (done[index] || drawn[index] != drawn[first]) continue;
            done[index] = true;
            groups[grouped] = batch->headers[index];
            groups[grouped].msg_hdr.msg_name = NULL;
            groups[grouped++].msg_hdr.msg_namelen = 0;
        }
        if (grouped > 0) sendBatch(relay->upstreams[drawn[first]], groups, grouped);
    }
    for (int index = 0; index < count; index++) batch->vectors[index].iov_len = receiveCapacity;
}

/// Sends one batch of an upstream socket's answers back.
static void relayAnswers(struct Relay *relay, int socket) {
    struct Batch *batch = &relay->answers;
    int count = receiveBatch(relay->upstreams[socket], batch), kept = 0;
    struct mmsghdr replies[batchLimit];
    for (int index = 0; index < count; index++) {
        uint8_t *message = batch->bytes[index];
        size_t length = batch->headers[index].msg_len;
        if (length < headerLength) continue;
        struct InFlight *entry = &relay->inFlight[read16(message)];
        if (entry->expiry == 0 || entry->socket != socket) continue;
        if (entry->isRewritten) {
            length = replaceSuffix(message, length, &relay->options->inner, &relay->options->outer);
        }
        write16(message, entry->clientID);
        batch->peers[index] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = entry->port, .sin_addr.s_addr = entry->address};
        entry->expiry = 0;
        batch->vectors[index].iov_len = length;
        replies[kept] = batch->headers[index];
        replies[kept].msg_hdr.msg_name = &batch->peers[index];
        replies[kept++].msg_hdr.msg_namelen = sizeof batch->peers[index];
    }
    sendBatch(relay->client, replies, kept);
    for (int index = 0; index < count; index++) batch->vectors[index].iov_len = receiveCapacity;
}

void runRelay(const struct Options *options) {
    static struct Relay relay;
    relay.options = options;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    relay.client = openListener(options->on, options->port);
    watch(epoll, relay.client, clientTag);
    for (int index = 0; index < options->sockets; index++) {
        relay.upstreams[index] = openConnected(options->upstreamPort);
        watch(epoll, relay.upstreams[index], (uint64_t)index);
    }
    prepareBatch(&relay.questions, true);
    prepareBatch(&relay.answers, false);
    for (;;) {
        struct epoll_event events[batchLimit];
        int ready = epoll_wait(epoll, events, batchLimit, -1);
        for (int index = 0; index < ready; index++) {
            if (events[index].data.u64 == clientTag) relayQuestions(&relay);
            else relayAnswers(&relay, (int)events[index].data.u64);
        }
    }
}
