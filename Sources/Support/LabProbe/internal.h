#ifndef NAMEBRIDGE_LAB_INTERNAL_H
#define NAMEBRIDGE_LAB_INTERNAL_H

#include <netinet/in.h>

/// A socket made in the namespace `space`, which does not block; -1 with errno.
int lab_socket(const char *space, int family, int type, int protocol);
/// Reads an address of either family; the length of the socket address, or 0.
socklen_t lab_read_address(const char *text, uint16_t port, struct sockaddr_storage *address);
/// A TCP or UDP socket that takes both families at `port`; -1 with errno.
int lab_server(const char *space, int type, uint16_t port);
/// Milliseconds of the monotonic clock.
int64_t lab_now(void);

#endif
