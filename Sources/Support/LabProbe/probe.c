// Questions, those who answer them, and the loop that serves both.
#define _GNU_SOURCE
#include "LabProbe.h"
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// The most sockets of one laboratory.
enum { capacity = 900 };

/// What a socket is there for.
enum role { tcp_server, udp_server, tcp_probe, udp_probe, echo_probe, large_probe };

struct entry {
    int socket;
    enum role role;
    /// Of a probe: its number; and whether nothing more is expected.
    int number;
    int is_done;
};

struct lab {
    struct entry entries[capacity];
    struct pollfd polls[capacity];
    int count;
    /// How many of the entries answer; they come first.
    int servers;
    struct lab_outcome outcomes[capacity];
    struct sockaddr_storage targets[capacity];
    int wanted[capacity];
    int probes;
};

struct lab *lab_create(void) { return calloc(1, sizeof(struct lab)); }

void lab_destroy(struct lab *lab)
{
    for (int i = 0; i < lab->count; i++) close(lab->entries[i].socket);
    free(lab);
}

void lab_forget(struct lab *lab)
{
    for (int i = lab->servers; i < lab->count; i++) close(lab->entries[i].socket);
    lab->count = lab->servers;
    lab->probes = 0;
}

struct lab_outcome lab_take(const struct lab *lab, int number) { return lab->outcomes[number]; }

static int put(struct lab *lab, int socket, enum role role, int number)
{
    if (socket < 0) return -1;
    if (lab->count == capacity) {
        close(socket);
        errno = ENOSPC;
        return -1;
    }
    lab->entries[lab->count++] = (struct entry){ .socket = socket, .role = role, .number = number };
    return 0;
}

int lab_answer(struct lab *lab, const char *space, uint16_t port)
{
    if (put(lab, lab_server(space, SOCK_STREAM, port), tcp_server, 0) != 0) return -1;
    lab->servers = lab->count;
    if (put(lab, lab_server(space, SOCK_DGRAM, port), udp_server, 0) != 0) return -1;
    lab->servers = lab->count;
    return 0;
}

// MARK: - Questions

/// A raw socket for echo requests that are sent whole or not at all.
static int echo_socket(const char *space, int family)
{
    int made = lab_socket(space, family, SOCK_RAW, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    if (made < 0) return -1;
    int mode = IP_PMTUDISC_DO;
    if (family == AF_INET) {
        setsockopt(made, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof mode);
    } else {
        struct icmp6_filter filter;
        mode = IPV6_PMTUDISC_DO;
        setsockopt(made, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &mode, sizeof mode);
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        setsockopt(made, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
    return made;
}

int lab_add(struct lab *lab, const char *space, const char *address, uint16_t port, int datagrams, int echoes)
{
    struct sockaddr_storage target;
    socklen_t length = lab_read_address(address, port, &target);
    if (length == 0) return -1;
    int number = lab->probes, family = target.ss_family;
    if (number == capacity) {
        errno = ENOSPC;
        return -1;
    }
    lab->outcomes[number] = (struct lab_outcome){ 0 };
    lab->targets[number] = target;
    lab->wanted[number] = datagrams;
    if (put(lab, lab_socket(space, family, SOCK_STREAM, 0), tcp_probe, number) != 0) return -1;
    if (put(lab, lab_socket(space, family, SOCK_DGRAM, 0), udp_probe, number) != 0) return -1;
    if (echoes != 0) {
        if (put(lab, echo_socket(space, family), echo_probe, number) != 0) return -1;
        if (put(lab, echo_socket(space, family), large_probe, number) != 0) return -1;
    }
    return lab->probes++;
}

/// The Internet checksum (RFC 1071); `length` is even.
static uint16_t checksum(const uint8_t *octets, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i += 2) sum += (uint32_t)octets[i] << 8 | octets[i + 1];
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/// The identifier of an echo request: each socket hears the answers to all.
static uint16_t identifier(const struct entry *entry)
{
    return htons((uint16_t)(entry->number * 2 + (entry->role == large_probe) + 1));
}

static int send_echo(const struct entry *entry, struct sockaddr_storage target)
{
    uint8_t octets[1400] = { 0 };
    int header = target.ss_family == AF_INET ? 20 : 40;
    size_t length = (size_t)((entry->role == large_probe ? 1400 : 64) - header);
    uint16_t id = identifier(entry);
    octets[0] = target.ss_family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    memcpy(octets + 4, &id, 2);
    if (target.ss_family == AF_INET) {
        uint16_t sum = checksum(octets, length);
        memcpy(octets + 2, &sum, 2);
        ((struct sockaddr_in *)&target)->sin_port = 0;
    } else {
        ((struct sockaddr_in6 *)&target)->sin6_port = 0;
    }
    socklen_t size = target.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return sendto(entry->socket, octets, length, 0, (struct sockaddr *)&target, size) < 0 ? -1 : 0;
}

static void ask(struct lab *lab, struct entry *entry)
{
    struct sockaddr_storage *target = &lab->targets[entry->number];
    socklen_t size = target->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    switch (entry->role) {
    case tcp_probe:
        if (connect(entry->socket, (struct sockaddr *)target, size) != 0 && errno != EINPROGRESS) {
            lab->outcomes[entry->number].error = errno;
            entry->is_done = 1;
        }
        break;
    case udp_probe:
        if (connect(entry->socket, (struct sockaddr *)target, size) != 0 || send(entry->socket, "?", 1, 0) != 1)
            entry->is_done = 1;
        break;
    case echo_probe:
    case large_probe: entry->is_done = send_echo(entry, *target) != 0; break;
    default: break;
    }
}

// MARK: - Answers

/// Writes an address as text, IPv4 in its own form.
static void print_address(const struct sockaddr_in6 *peer, char text[46])
{
    if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr))
        inet_ntop(AF_INET, &peer->sin6_addr.s6_addr[12], text, 46);
    else
        inet_ntop(AF_INET6, &peer->sin6_addr, text, 46);
}

static void serve_tcp(int server)
{
    struct sockaddr_in6 peer;
    socklen_t length = sizeof peer;
    int client;
    // Ends when no connection waits.
    while ((client = accept4(server, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC)) >= 0) {
        char text[46];
        print_address(&peer, text);
        if (send(client, text, strlen(text), MSG_NOSIGNAL) < 0) { /* the client sees it */ }
        close(client);
        length = sizeof peer;
    }
}

static void serve_udp(int server)
{
    struct sockaddr_in6 peer;
    char octet, text[46];
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    struct iovec data = { .iov_base = &octet, .iov_len = 1 };
    struct msghdr message = { .msg_name = &peer, .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
    // Ends when nothing is left to read.
    for (;;) {
        message.msg_namelen = sizeof peer;
        message.msg_controllen = sizeof control;
        data = (struct iovec){ .iov_base = &octet, .iov_len = 1 };
        if (recvmsg(server, &message, 0) < 0) return;
        print_address(&peer, text);
        data = (struct iovec){ .iov_base = text, .iov_len = strlen(text) };
        // With the address that was asked, by the way that the routes say.
        struct cmsghdr *first = CMSG_FIRSTHDR(&message);
        if (first != NULL && first->cmsg_type == IPV6_PKTINFO)
            ((struct in6_pktinfo *)CMSG_DATA(first))->ipi6_ifindex = 0;
        if (sendmsg(server, &message, 0) < 0) { /* the client sees it */ }
    }
}

static void hear_tcp(struct lab *lab, struct entry *entry)
{
    struct lab_outcome *outcome = &lab->outcomes[entry->number];
    char text[46];
    ssize_t count = recv(entry->socket, text, sizeof text - 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) outcome->error = errno;
    if (count > 0) {
        text[count] = 0;
        strcpy(outcome->tcp, text);
    }
    entry->is_done = 1;
}

static void hear_udp(struct lab *lab, struct entry *entry)
{
    struct lab_outcome *outcome = &lab->outcomes[entry->number];
    char text[46];
    ssize_t count = recv(entry->socket, text, sizeof text - 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) {
        entry->is_done = 1;
        return;
    }
    text[count] = 0;
    strcpy(outcome->udp, text);
    outcome->datagrams++;
    entry->is_done = outcome->datagrams == lab->wanted[entry->number] || send(entry->socket, "?", 1, 0) != 1;
}

/// Whether two addresses of one family are equal, whatever their ports.
static int is_same(const struct sockaddr_storage *left, const struct sockaddr_storage *right)
{
    if (left->ss_family == AF_INET)
        return ((const struct sockaddr_in *)left)->sin_addr.s_addr == ((const struct sockaddr_in *)right)->sin_addr.s_addr;
    const struct sockaddr_in6 *one = (const struct sockaddr_in6 *)left, *other = (const struct sockaddr_in6 *)right;
    return IN6_ARE_ADDR_EQUAL(&one->sin6_addr, &other->sin6_addr);
}

/// A raw socket hears replies of all hosts, as "ping" does; an answer is what the host sends that was asked.
static void hear_echo(struct lab *lab, struct entry *entry)
{
    uint8_t octets[1500];
    ssize_t count;
    struct sockaddr_storage *target = &lab->targets[entry->number], peer = { 0 };
    socklen_t size = sizeof peer;
    int is_four = target->ss_family == AF_INET;
    uint16_t id = identifier(entry);
    // Ends when nothing is left to read.
    for (; (count = recvfrom(entry->socket, octets, sizeof octets, 0, (struct sockaddr *)&peer, &size)) >= 0;
         size = sizeof peer) {
        if (!is_same(target, &peer)) continue;
        size_t start = is_four ? (size_t)(octets[0] & 15) * 4 : 0;
        if ((size_t)count < start + 8 || octets[start] != (is_four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) continue;
        if (memcmp(octets + start + 4, &id, 2) != 0) continue;
        if (entry->role == echo_probe) lab->outcomes[entry->number].echo = 1;
        if (entry->role == large_probe) lab->outcomes[entry->number].large = 1;
        entry->is_done = 1;
    }
}

int lab_run(struct lab *lab, int milliseconds)
{
    int64_t end = lab_now() + milliseconds;
    for (int i = lab->servers; i < lab->count; i++) ask(lab, &lab->entries[i]);
    // Ends with the last answer or the time.
    for (;;) {
        int open = 0;
        for (int i = 0; i < lab->count; i++) {
            struct entry *entry = &lab->entries[i];
            lab->polls[i] = (struct pollfd){ .fd = entry->is_done ? -1 : entry->socket, .events = POLLIN };
            if (i >= lab->servers && !entry->is_done) open++;
        }
        int64_t left = end - lab_now();
        if (open == 0 || left <= 0) return 0;
        if (poll(lab->polls, (nfds_t)lab->count, (int)left) < 0 && errno != EINTR) return -1;
        for (int i = 0; i < lab->count; i++) {
            struct entry *entry = &lab->entries[i];
            if (lab->polls[i].fd < 0 || lab->polls[i].revents == 0) continue;
            switch (entry->role) {
            case tcp_server: serve_tcp(entry->socket); break;
            case udp_server: serve_udp(entry->socket); break;
            case tcp_probe: hear_tcp(lab, entry); break;
            case udp_probe: hear_udp(lab, entry); break;
            case echo_probe:
            case large_probe: hear_echo(lab, entry); break;
            }
        }
    }
}
