/// The baseline of the measurements: the least work that a name server on Linux must do per question, in
/// batched C.
///
/// One thread, IPv4, no cache, no checks except those for bounds. Every contender of `make bench` is reported
/// as a ratio to it, and it serves as the upstream that is never the bottleneck.
#ifndef BASELINE_H
#define BASELINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// Messages per system call.
enum { batchLimit = 64 };
/// Octets kept per message: an Ethernet frame and the room that a rewritten name needs.
enum { messageCapacity = 2048 };
/// Octets accepted per datagram; what remains up to `messageCapacity` is for growing it in place.
enum { receiveCapacity = 1536 };
/// The header of a DNS message, in octets (RFC 1035 section 4.1.1).
enum { headerLength = 12 };
/// Addresses of one name at most: so many fit behind `receiveCapacity` octets.
enum { recordLimit = 30 };
/// What an answer adds to its question at most: addresses of 16 octets each and an OPT of 11.
enum { answerGrowth = recordLimit * 16 + 11 };

/// One batch of datagrams: `headers[i]` describes `bytes[i]`, from or to `peers[i]`.
struct Batch {
    struct mmsghdr headers[batchLimit];
    struct iovec vectors[batchLimit];
    struct sockaddr_in peers[batchLimit];
    uint8_t bytes[batchLimit][messageCapacity];
};

/// A name in wire form, with its terminating empty label.
struct WireName {
    size_t length;
    uint8_t bytes[256];
};

struct Options;

// MARK: - messages.c

/// The offset after the name at `start`, or 0 if it is cut off, compressed or ends outside the message.
size_t endOfName(const uint8_t *message, size_t length, size_t start);
/// The address that stands for a name: 10.x.y.z, from its first label, letter case ignored; host byte order.
/// Only the first label counts, so that an answer can be checked after its suffix was rewritten.
uint32_t addressOfName(const uint8_t *name);
/// Turns a question into its answer in place and returns the new length; 0: drop it.
/// Type A gets `options->records` addresses, every other type an SOA that says that there are none; an OPT is
/// answered with an OPT. The message grows by `answerGrowth` octets at most.
size_t answerInPlace(uint8_t *message, size_t length, const struct Options *options);
/// The first of several addresses of a name, see `Options.records`: the others follow it.
static inline uint32_t firstOf(uint32_t address, int records) { return records == 1 ? address : address & ~31u; }
/// The address of a name that changes every `change` seconds, each name at a time of its own: 10, an octet of
/// the name's hash, and the 16 low bits of how often it has changed. `time` in nanoseconds of the real clock.
uint32_t addressAtTime(const uint8_t *name, int change, int64_t time);
/// When the time of one of the name's addresses ends, or ended, in nanoseconds of the real clock.
/// `address` is taken for one of the 65,536 newest at `now`.
int64_t endOfAddress(const uint8_t *name, int change, uint32_t address, int64_t now);
/// Replaces the suffix `from` of the question's name with `to`, in place; returns the new length, which is
/// `length` where the suffix differs. Pointers to the question's start stay right, others are not followed.
size_t replaceSuffix(uint8_t *message, size_t length, const struct WireName *from, const struct WireName *to);
/// Reads the presentation form `text` (letters, digits, hyphens, dots); false if it is no name.
bool parseName(const char *text, struct WireName *name);
/// Reads a 16-bit number in network byte order.
static inline uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
/// Writes a 16-bit number in network byte order.
static inline void write16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
/// Writes a 32-bit number in network byte order.
static inline void write32(uint8_t *at, uint32_t value) {
    write16(at, (uint16_t)(value >> 16));
    write16(at + 2, (uint16_t)value);
}

// MARK: - sockets.c

/// A non-blocking UDP socket with large buffers, bound to nothing.
int openDatagram(void);
/// A non-blocking UDP socket bound to an address, 0: loopback, and a port, 0: any. Ends the process with a message
/// on failure.
int openListener(in_addr_t on, uint16_t port);
/// A non-blocking UDP socket connected to a loopback port, from a random port of its own.
int openConnected(uint16_t port);
/// The same to any address, from an address of this host; see `Options`.
int openConnectedTo(in_addr_t to, uint16_t port, in_addr_t from);
/// A non-blocking TCP socket that listens on an address, 0: loopback, and a port.
int openStreamListener(in_addr_t on, uint16_t port);
/// Adds a descriptor to an epoll set for reading, level-triggered, with `tag` as its data.
void watch(int epoll, int descriptor, uint64_t tag);
/// Points every header at its buffer and, where `named`, at its peer. Needed once per batch.
void prepareBatch(struct Batch *batch, bool named);
/// Receives what is there, up to a batch; 0: nothing. Corresponds to recvmmsg(2).
int receiveBatch(int socket, struct Batch *batch);
/// Sends `count` messages and drops what the socket will not take. Corresponds to sendmmsg(2).
void sendBatch(int socket, struct mmsghdr *headers, int count);
/// Ends the process with status 1 and the reason of the last failed call.
_Noreturn void fail(const char *what);

// MARK: - random bits and time

/// A small generator (xorshift64*), seeded from the kernel: cheap as the baseline should be, not for secrets.
uint64_t randomBits(void);
/// Nanoseconds of a clock, as in clock_gettime(2).
int64_t nanoseconds(int clock);

// MARK: - roles

/// What the command line may set; each role reads its own part.
struct Options {
    uint16_t port;
    uint16_t upstreamPort;
    uint32_t ttl;
    int sockets;
    bool drawPerQuestion;
    bool rewrites;
    struct WireName outer;
    struct WireName inner;
    long count;
    const char *suffix;
    long rate;
    int window;
    double seconds;
    bool once;
    bool timeline;
    int delayMilliseconds;
    int dropPercent;
    /// Seconds after which a name's address changes; 0: never.
    int change;
    /// Where servers listen, in network byte order; 0: 127.0.0.1.
    in_addr_t on;
    /// Where `load` asks, and from where, in network byte order; 0: 127.0.0.1, and any.
    in_addr_t to, from;
    /// Addresses that `load` asks from, in turns: `from` and those that follow it; 0: one, by a connected socket.
    int clients;
    /// True if `load` asks for A and AAAA of each name, as stub resolvers do.
    bool pairs;
    /// Addresses of each name, 1...recordLimit.
    int records;
    /// Seconds after which `load` counts an unanswered question as lost.
    int timeout;
};

/// Answers every question on `port`, over UDP and TCP. Prints how many on SIGUSR1. Does not return.
void runAnswer(const struct Options *options);
/// Relays questions from `port` to `upstreamPort` and the answers back. Does not return.
void runRelay(const struct Options *options);
/// Relays like `runRelay`, over one socket, but loses questions and holds answers back. Does not return.
void runDelay(const struct Options *options);
/// Asks `port` and prints what came back, as one line of JSON; returns the exit status.
int runLoad(const struct Options *options);

#endif
