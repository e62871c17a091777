// Many connections that stay open while the network between their ends changes.
#define _GNU_SOURCE
#include "LabProbe.h"
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct lab_connections {
    int count;
    /// Both ends of each, in one order; -1 where there is none.
    int *clients, *servers;
};

/// Waits for octets from each of `sockets`; how many had `octet` as their first within the time.
static int read_each(const int *sockets, int count, uint8_t octet, int64_t end)
{
    int alive = 0;
    struct pollfd *polls = calloc((size_t)count, sizeof *polls);
    if (polls == NULL) return -1;
    for (int i = 0; i < count; i++) polls[i] = (struct pollfd){ .fd = sockets[i], .events = POLLIN };
    for (int left = count; left > 0 && lab_now() < end;) {
        if (poll(polls, (nfds_t)count, 50) <= 0) continue;
        for (int i = 0; i < count; i++) {
            if (polls[i].fd < 0 || polls[i].revents == 0) continue;
            uint8_t got = 0;
            if (recv(polls[i].fd, &got, 1, 0) == 1 && got == octet) alive++;
            polls[i].fd = -1;
            left--;
        }
    }
    free(polls);
    return alive;
}

void lab_disconnect(struct lab_connections *all)
{
    for (int i = 0; i < all->count; i++) {
        if (all->clients[i] >= 0) close(all->clients[i]);
        if (all->servers[i] >= 0) close(all->servers[i]);
    }
    free(all->clients);
    free(all->servers);
    free(all);
}

struct lab_connections *lab_connect(
    const char *from, const char *to, const char *address, uint16_t port, int count, int milliseconds)
{
    struct sockaddr_storage target;
    socklen_t size = lab_read_address(address, port, &target);
    struct lab_connections *all = calloc(1, sizeof *all);
    int server = lab_server(to, SOCK_STREAM, port);
    int64_t end = lab_now() + milliseconds;
    if (size == 0 || all == NULL || server < 0) goto failed;
    all->clients = malloc(sizeof(int) * (size_t)count);
    all->servers = malloc(sizeof(int) * (size_t)count);
    if (all->clients == NULL || all->servers == NULL) goto failed;
    // One after the other, so that both ends have one order.
    for (; all->count < count; all->count++) {
        int client = lab_socket(from, target.ss_family, SOCK_STREAM, 0), accepted = -1;
        all->clients[all->count] = client;
        all->servers[all->count] = -1;
        if (client < 0) goto failed;
        if (connect(client, (struct sockaddr *)&target, size) != 0 && errno != EINPROGRESS) goto failed;
        while (accepted < 0 && lab_now() < end) {
            struct pollfd waiting = { .fd = server, .events = POLLIN };
            poll(&waiting, 1, 50);
            accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        if (accepted < 0) goto failed;
        all->servers[all->count] = accepted;
    }
    close(server);
    return all;
failed:
    if (server >= 0) close(server);
    if (all != NULL) lab_disconnect(all);
    return NULL;
}

int lab_exchange(struct lab_connections *all, int server_first, int milliseconds)
{
    const int *first = server_first ? all->servers : all->clients;
    const int *second = server_first ? all->clients : all->servers;
    int64_t end = lab_now() + milliseconds;
    for (int i = 0; i < all->count; i++) send(first[i], "a", 1, MSG_NOSIGNAL);
    int there = read_each(second, all->count, 'a', end);
    for (int i = 0; i < all->count; i++) send(second[i], "b", 1, MSG_NOSIGNAL);
    // Dead ones have used up the time.
    int back = read_each(first, all->count, 'b', lab_now() + milliseconds);
    return there < back ? there : back;
}
