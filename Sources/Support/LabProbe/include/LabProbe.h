// Probes between network namespaces, sent and answered by the one thread that calls: no process, no server and no
// scheduling stands between a question and its answer, so that what is lost was lost by the network. (socat with
// SYSTEM:echo loses its answer where the shell ends before the question is written to it.)
#ifndef NAMEBRIDGE_LAB_PROBE_H
#define NAMEBRIDGE_LAB_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The sockets of one laboratory.
struct lab;

/// What became of one probe. A text is empty if nothing came back.
struct lab_outcome {
    /// The source address that the far side saw.
    char tcp[46];
    char udp[46];
    /// How many of the questions over UDP, asked one after the other, were answered.
    int datagrams;
    /// 1 where an echo request was answered; of 64 octets, and of 1,400 that may not be cut.
    int echo;
    int large;
    /// The errno that TCP ended with; 0 if none did.
    int error;
};

/// NULL where memory is short.
struct lab *lab_create(void);
void lab_destroy(struct lab *lab);

/// Answers to TCP and UDP at `port` of the namespace whose file is `space`, with the address of who asks. -1 with errno.
int lab_answer(struct lab *lab, const char *space, uint16_t port);

/// Adds a probe from the namespace `space` to `address`; its number, or -1 with errno.
///
/// - Parameter datagrams: How many questions over UDP are asked.
/// - Parameter echoes: 0 if no echo request is sent.
int lab_add(struct lab *lab, const char *space, const char *address, uint16_t port, int datagrams, int echoes);

/// Runs all probes at once, until each has all that it asks for or the time is up. -1 with errno.
int lab_run(struct lab *lab, int milliseconds);

/// The outcome of a probe of the last run.
struct lab_outcome lab_take(const struct lab *lab, int number);

/// Forgets the probes, not those who answer.
void lab_forget(struct lab *lab);

/// Sends `octets` over TCP from one namespace to another; how many arrived as they were sent, or -1 with errno.
long lab_transfer(
    const char *from, const char *to, const char *address, uint16_t port, long octets, int milliseconds);

/// Connections that stay open.
struct lab_connections;
/// Opens `count` connections from one namespace to another; NULL if not all of them are open in time.
struct lab_connections *lab_connect(
    const char *from, const char *to, const char *address, uint16_t port, int count, int milliseconds);
/// Sends an octet over each connection and back, the servers' ends first or the clients'; how many came both ways.
int lab_exchange(struct lab_connections *all, int server_first, int milliseconds);
void lab_disconnect(struct lab_connections *all);

/// A stream of datagrams, one each 4 ms, which the other end sends back; TCP connections to it are accepted too.
struct lab_stream;
/// NULL with errno.
struct lab_stream *lab_stream_start(const char *from, const char *to, const char *address, uint16_t port);
/// The time since the last answer, in milliseconds.
int64_t lab_stream_silence(struct lab_stream *stream);
/// The longest time without an answer since the last call, in milliseconds.
int64_t lab_stream_gap(struct lab_stream *stream);
void lab_stream_stop(struct lab_stream *stream);

/// Stops one thread of another process where it is, and lets it go; both from the same thread. -1 with errno.
int lab_hold(pid_t thread);
int lab_release(pid_t thread);

#endif
