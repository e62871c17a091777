// A long transfer whose every octet is compared.
#define _GNU_SOURCE
#include "LabProbe.h"
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// The length of what is sent again and again: a prime, so that a lost or doubled segment shows.
enum { pattern_length = 65521 };

static _Thread_local uint8_t pattern[pattern_length * 2];

/// Writes what fits; the number of octets sent in all.
static long write_some(int socket, long sent, long octets)
{
    while (sent < octets) {
        long start = sent % pattern_length;
        size_t length = (size_t)(octets - sent < pattern_length ? octets - sent : pattern_length);
        ssize_t count = send(socket, pattern + start, length, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += count;
    }
    return sent;
}

/// Reads what is there; the number of octets received in all, or -1 where one is not the one that was sent.
static long read_some(int socket, long received)
{
    static _Thread_local uint8_t octets[pattern_length];
    ssize_t count;
    while ((count = recv(socket, octets, sizeof octets, 0)) > 0) {
        if (memcmp(octets, pattern + received % pattern_length, (size_t)count) != 0) return -1;
        received += count;
    }
    return received;
}

long lab_transfer(
    const char *from, const char *to, const char *address, uint16_t port, long octets, int milliseconds)
{
    struct sockaddr_storage target;
    socklen_t size = lab_read_address(address, port, &target);
    if (size == 0) return -1;
    for (int i = 0; i < pattern_length * 2; i++) pattern[i] = (uint8_t)((i % pattern_length) * 31 >> 3);
    int server = lab_server(to, SOCK_STREAM, port);
    int sender = lab_socket(from, target.ss_family, SOCK_STREAM, 0);
    int receiver = -1;
    long sent = 0, received = 0;
    int64_t end = lab_now() + milliseconds;
    if (server < 0 || sender < 0
        || (connect(sender, (struct sockaddr *)&target, size) != 0 && errno != EINPROGRESS))
        received = -1;
    // Ends when all is there, or with the time.
    while (received >= 0 && received < octets && lab_now() < end) {
        struct pollfd polls[2] = {
            { .fd = receiver < 0 ? server : receiver, .events = POLLIN },
            { .fd = sender, .events = sent < octets ? POLLOUT : 0 },
        };
        poll(polls, 2, 100);
        if (receiver < 0) receiver = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (receiver < 0) continue;
        sent = write_some(sender, sent, octets);
        received = read_some(receiver, received);
    }
    int reason = errno;
    if (server >= 0) close(server);
    if (sender >= 0) close(sender);
    if (receiver >= 0) close(receiver);
    errno = reason;
    return received;
}
