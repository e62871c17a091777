/// `baseline load`: asks over UDP at a fixed rate, or with a fixed number in flight, and checks every answer.
///
/// The clock of a question starts right before its send and ends at the kernel's receive stamp of the answer,
/// so the delays of this program are not counted as the server's. Questions of a fixed rate are sent when
/// they are due, whatever is still unanswered.
#define _GNU_SOURCE
#include "baseline.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/// Sub-buckets per power of two of the histogram: an error of at most 1/32.
enum { subBuckets = 32, bucketCount = 64 * subBuckets };
/// Nanoseconds that questions of a fixed rate may be late; those that are later are left out, and counted, so
/// that a stall of this program, or of the machine, ends in no burst and makes the load no longer.
static const int64_t lateness = 50000000;
/// Passes over what is still unanswered with `--once`.
enum { passLimit = 5 };
/// Questions in flight at most: a quarter of all IDs stays free, so that one is found quickly.
enum { inFlightLimit = 49152 };

/// A question in flight, indexed by its ID; `sent` 0: free.
struct Asked {
    int64_t sent;
    long name;
    uint16_t type;
};

/// Record types, by their registered numbers.
enum { typeA = 1, typeAAAA = 28 };

/// How an answer compares with what is right.
enum Verdict {
    right,
    wrong,
    /// An rcode other than NOERROR.
    failed,
    /// TC: the client is to come by TCP.
    truncated,
    /// An address that the name once had, told for longer than its TTL.
    outdated
};

/// What became of the questions asked within one second; what is missing was lost.
struct Second {
    long sent, received, wrong, failed, truncated, outdated;
    uint32_t longestTTL;
    int64_t longest;
    uint64_t histogram[bucketCount];
};

/// The whole state of a load.
struct Load {
    const struct Options *options;
    int socket;
    struct WireName suffix;
    struct Asked asked[1 << 16];
    uint8_t *isAnswered;  // one per name
    long next, pass, answeredNames;
    /// Nanoseconds after which an unanswered question counts as lost.
    int64_t timeout;
    /// With `--pairs` the name whose AAAA is to be asked next; -1: none is.
    long halfAsked;
    /// Addresses that have asked so far; see `Options.clients`.
    uint32_t turns;
    uint16_t nextID;
    long lost, inFlight;
    /// Questions of a fixed rate that were not sent; answers that came after `timeout`, or unasked.
    long skipped, late;
    int64_t latestSend;
    struct Second total;
    struct Second *seconds;  // by when the question was sent, from `start`; NULL: not wanted
    int secondCount;
    int64_t start;
    struct Batch questions, answers;
    uint8_t control[batchLimit][CMSG_SPACE(sizeof(struct timespec))];
    /// For each question the address that it leaves from; see ip(7), IP_PKTINFO.
    uint8_t sources[batchLimit][CMSG_SPACE(sizeof(struct in_pktinfo))];
};

// MARK: - histogram

/// The bucket of a duration: exact below `subBuckets`, then `subBuckets` steps per power of two.
static int bucket(int64_t value) {
    if (value < subBuckets) return value < 0 ? 0 : (int)value;
    int power = 63 - __builtin_clzll((unsigned long long)value);
    return (power - 4) * subBuckets + (int)((value >> (power - 5)) & (subBuckets - 1));
}

/// The lower edge of a bucket, in nanoseconds.
static int64_t lowerEdge(int index) {
    if (index < subBuckets) return index;
    int power = index / subBuckets + 4;
    return (int64_t)(subBuckets + index % subBuckets) << (power - 5);
}

/// The latency, in microseconds, that a share of the answers does not exceed.
static double quantile(const struct Second *second, double share) {
    uint64_t wanted = (uint64_t)((double)second->received * share), seen = 0;
    for (int index = 0; index < bucketCount; index++) {
        seen += second->histogram[index];
        if (seen <= wanted) continue;
        int64_t edge = lowerEdge(index + 1);
        return (double)(edge < second->longest ? edge : second->longest) / 1000;
    }
    return (double)second->longest / 1000;
}

/// The second in which a question was sent, or NULL if latencies are not counted.
static struct Second *secondOf(struct Load *load, int64_t sent) {
    int64_t index = (sent - load->start) / 1000000000;
    return load->seconds != NULL && index >= 0 && index < load->secondCount ? &load->seconds[index] : NULL;
}

/// Counts an answer.
static void count(struct Second *second, enum Verdict verdict, int64_t latency, uint32_t ttl) {
    if (second == NULL) return;
    second->wrong += verdict == wrong;
    second->failed += verdict == failed;
    second->truncated += verdict == truncated;
    second->outdated += verdict == outdated;
    if (verdict != right) return;
    second->received++;
    second->histogram[bucket(latency)]++;
    if (latency > second->longest) second->longest = latency;
    if (ttl > second->longestTTL) second->longestTTL = ttl;
}

// MARK: - questions and answers

/// Writes the question for `n<name>.<suffix>` and returns its length.
static size_t writeQuestion(
    uint8_t *message, uint16_t id, const struct Asked *asked, const struct WireName *suffix) {
    char digits[24];
    int count = 0;
    long number = asked->name;
    do digits[count++] = (char)('0' + number % 10); while ((number /= 10) > 0);
    memset(message, 0, headerLength);
    write16(message, id);
    message[2] = 0x01;  // RD
    message[5] = 1;
    uint8_t *at = message + headerLength;
    *at++ = (uint8_t)(count + 1);
    *at++ = 'n';
    while (count > 0) *at++ = (uint8_t)digits[--count];
    memcpy(at, suffix->bytes, suffix->length);
    at += suffix->length;
    write16(at, asked->type);
    write16(at + 2, 1);
    return (size_t)(at + 4 - message);
}

/// Compares an answer with what is right for the question; sets `ttl`, in seconds.
///
/// With `--change` an answer is right as long as it does not outlive the address by more than the upstream's
/// TTL, however old the address is. What is left of the TTL may be rounded up to a whole second.
static enum Verdict judge(
    const struct Load *load, const uint8_t *message, size_t length, const struct Asked *asked, uint32_t *ttl) {
    uint8_t question[headerLength + 256 + 32];
    size_t end = writeQuestion(question, 0, asked, &load->suffix);
    if (length < headerLength) return wrong;
    if ((message[2] & 0x02) != 0) return truncated;
    if ((message[3] & 0x0F) != 0) return failed;
    int records = asked->type == typeA ? load->options->records : 0;
    if (length < end || read16(message + 6) != records) return wrong;
    if (records == 0) return right;
    size_t owner = end < length && (message[end] & 0xC0) == 0xC0 ? end + 2 : endOfName(message, length, end);
    if (owner == 0 || length < owner + 14 || read16(message + owner) != 1) return wrong;
    *ttl = (uint32_t)read16(message + owner + 4) << 16 | read16(message + owner + 6);
    const uint8_t *name = question + headerLength, *data = message + owner + 10;
    uint32_t address = (uint32_t)read16(data) << 16 | read16(data + 2);
    int change = load->options->change;
    if (change == 0) {
        return firstOf(address, records) == firstOf(addressOfName(name), records) ? right : wrong;
    }
    if (address >> 16 != addressAtTime(name, change, asked->sent) >> 16) return wrong;
    // The address may be one that came up while the question was on its way: it ends later, that is all.
    int64_t expiry = endOfAddress(name, change, address, asked->sent + load->timeout);
    int64_t left = *ttl > 0 ? *ttl - 1 : 0;
    return asked->sent + left * 1000000000 <= expiry + load->options->ttl * INT64_C(1000000000)
        ? right : outdated;
}

/// Whether the message repeats the question. Where it does not, it is as a rule the late answer
/// to one that was given up, and whose ID is in use again.
static bool isAnswerTo(
    const struct Load *load, const uint8_t *message, size_t length, const struct Asked *asked) {
    uint8_t question[headerLength + 256 + 32];
    size_t end = writeQuestion(question, 0, asked, &load->suffix);
    return length >= end && memcmp(message + headerLength, question + headerLength, end - headerLength) == 0;
}

/// The kernel's receive stamp of message `index`, or the clock's reading where it has none.
static int64_t receiveStamp(struct Load *load, int index) {
    struct msghdr *header = &load->answers.headers[index].msg_hdr;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item != NULL; item = CMSG_NXTHDR(header, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec stamp;
        memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
        return (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
    }
    return nanoseconds(CLOCK_REALTIME);
}

/// The number of the next name to ask; -1: none is left.
static long nextName(struct Load *load) {
    if (!load->options->once) {
        long name = load->next;
        load->next = name + 1 == load->options->count ? 0 : name + 1;
        return name;
    }
    // Ends: `next` only grows within a pass, and there are `passLimit` of them.
    while (load->pass < passLimit) {
        while (load->next < load->options->count && load->isAnswered[load->next]) load->next++;
        if (load->next < load->options->count) return load->next++;
        if (load->inFlight > 0 || load->answeredNames == load->options->count) return -1;
        load->next = 0;
        load->pass++;
    }
    return -1;
}

/// The next ID that is free, or whose question was given up; -1: too many are in flight.
static int nextID(struct Load *load, int64_t now) {
    for (int turn = 0; turn < 1 << 16; turn++) {
        uint16_t id = load->nextID++;
        struct Asked *asked = &load->asked[id];
        if (asked->sent != 0 && now - asked->sent >= load->timeout) {
            asked->sent = 0;
            load->lost++;
            load->inFlight--;
        }
        if (load->inFlight >= inFlightLimit) return -1;
        if (asked->sent == 0) return id;
    }
    return -1;
}

/// The next question, without its time; its name is -1 where none is left.
static struct Asked nextQuestion(struct Load *load) {
    if (load->halfAsked >= 0) {
        struct Asked second = {.name = load->halfAsked, .type = typeAAAA};
        load->halfAsked = -1;
        return second;
    }
    load->turns++;
    struct Asked question = {.name = nextName(load), .type = typeA};
    if (load->options->pairs) load->halfAsked = question.name;
    return question;
}

/// Lets question `index` of the batch leave from the address whose turn it is.
static void setSource(struct Load *load, int index) {
    uint32_t turn = load->turns % (uint32_t)load->options->clients;
    struct cmsghdr *item = (struct cmsghdr *)load->sources[index];
    struct in_pktinfo source = {.ipi_spec_dst.s_addr = htonl(ntohl(load->options->from) + turn)};
    item->cmsg_level = IPPROTO_IP;
    item->cmsg_type = IP_PKTINFO;
    item->cmsg_len = CMSG_LEN(sizeof source);
    memcpy(CMSG_DATA(item), &source, sizeof source);
}

/// Sends up to `wanted` questions, one batch at most; returns how many.
static int ask(struct Load *load, long wanted) {
    int count = 0;
    int64_t now = nanoseconds(CLOCK_REALTIME);
    while (count < wanted && count < batchLimit) {
        int id = nextID(load, now);
        if (id < 0) break;
        struct Asked *asked = &load->asked[id];
        struct Asked question = nextQuestion(load);
        if (question.name < 0) break;
        *asked = question;
        asked->sent = now;
        if (load->options->clients > 0) setSource(load, count);
        struct Second *second = secondOf(load, now);
        if (second != NULL) second->sent++;
        size_t length = writeQuestion(load->questions.bytes[count], (uint16_t)id, asked, &load->suffix);
        load->questions.vectors[count++].iov_len = length;
    }
    sendBatch(load->socket, load->questions.headers, count);
    load->total.sent += count;
    load->inFlight += count;
    return count;
}

/// Takes one batch of answers in; returns how many.
static int takeAnswers(struct Load *load) {
    for (int index = 0; index < batchLimit; index++) {
        load->answers.headers[index].msg_hdr.msg_control = load->control[index];
        load->answers.headers[index].msg_hdr.msg_controllen = sizeof load->control[index];
    }
    int received = receiveBatch(load->socket, &load->answers);
    for (int index = 0; index < received; index++) {
        const uint8_t *message = load->answers.bytes[index];
        size_t length = load->answers.headers[index].msg_len;
        if (length < headerLength) continue;
        struct Asked *asked = &load->asked[read16(message)];
        if (asked->sent == 0 || !isAnswerTo(load, message, length, asked)) {
            load->late++;
            continue;
        }
        int64_t sent = asked->sent, latency = receiveStamp(load, index) - sent;
        uint32_t ttl = 0;
        enum Verdict verdict = judge(load, message, length, asked, &ttl);
        asked->sent = 0;
        load->inFlight--;
        count(&load->total, verdict, latency, ttl);
        count(secondOf(load, sent), verdict, latency, ttl);
        if (verdict != right) continue;
        if (!load->isAnswered[asked->name]) load->answeredNames++;
        load->isAnswered[asked->name] = 1;
    }
    return received;
}

/// Counts everything in flight as lost: the server has been silent for too long.
static void giveUp(struct Load *load) {
    load->lost += load->inFlight;
    load->inFlight = 0;
    for (int id = 0; id < 1 << 16; id++) load->asked[id].sent = 0;
}

// MARK: - pacing

/// Keeps `window` questions in flight until the time is over or every name was answered.
static void runWindow(struct Load *load) {
    int64_t end = nanoseconds(CLOCK_MONOTONIC) + (int64_t)(load->options->seconds * 1e9);
    int64_t heard = nanoseconds(CLOCK_MONOTONIC);
    bool isOver = false;
    // Ends: at `end` it stops asking, and what is in flight is answered or given up after `timeout`.
    while (!isOver || load->inFlight > 0) {
        int64_t now = nanoseconds(CLOCK_MONOTONIC);
        isOver = isOver || now >= end;
        if (!isOver && load->inFlight < load->options->window) {
            int count = ask(load, load->options->window - load->inFlight);
            isOver = count == 0 && load->inFlight == 0;
        }
        struct pollfd ready = {.fd = load->socket, .events = POLLIN};
        if (poll(&ready, 1, 10) > 0 && takeAnswers(load) > 0) heard = now;
        else if (now - heard > load->timeout) {
            giveUp(load);
            heard = now;
        }
    }
}

/// Leaves out what is too late to be sent; returns when the next question is due.
static int64_t skipLate(struct Load *load, int64_t due, int64_t now, int64_t interval) {
    if (now - due <= lateness) return due;
    int64_t skipped = (now - due) / interval;
    load->skipped += skipped;
    return due + skipped * interval;
}

/// Sends each question when it is due, for the time given, then waits for the last answers.
static void runRate(struct Load *load) {
    prctl(PR_SET_TIMERSLACK, 1UL);  // the default adds 50 us to every wait
    int64_t interval = 1000000000 / load->options->rate;
    int64_t start = nanoseconds(CLOCK_MONOTONIC), due = start;
    int64_t end = start + (int64_t)(load->options->seconds * 1e9);
    // Ends: `due` only grows, and after `end` it waits `timeout` at most.
    for (;;) {
        int64_t now = nanoseconds(CLOCK_MONOTONIC);
        if (due < end) {
            if (now - due > load->latestSend) load->latestSend = now - due;
            due = skipLate(load, due, now, interval);
            if (due <= now && due < end) due += ask(load, (now - due) / interval + 1) * interval;
        }
        if (due >= end && (load->inFlight == 0 || now > end + load->timeout)) break;
        int64_t wait = due < end ? due - nanoseconds(CLOCK_MONOTONIC) : 10000000;
        struct timespec timeout = {0, wait < 0 ? 0 : wait % 1000000000};
        struct pollfd ready = {.fd = load->socket, .events = POLLIN};
        if (ppoll(&ready, 1, &timeout, NULL) > 0) takeAnswers(load);
    }
    giveUp(load);
}

// MARK: - the report

/// Prints the counts and quantiles of a second, or of all of them, as the inside of a JSON object.
static void printSecond(const struct Second *second) {
    printf("\"sent\": %ld, \"received\": %ld, \"wrong\": %ld, \"failed\": %ld, \"truncated\": %ld, "
           "\"outdated\": %ld, ", second->sent, second->received, second->wrong, second->failed,
           second->truncated, second->outdated);
    printf("\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, \"longest_ttl\": %u",
           quantile(second, 0.5), quantile(second, 0.99), quantile(second, 0.999),
           (double)second->longest / 1000, second->longestTTL);
}

/// Prints the whole load as one line of JSON.
static void report(const struct Load *load, double seconds) {
    printf("{");
    printSecond(&load->total);
    printf(", \"lost\": %ld, \"skipped\": %ld, \"late\": %ld, \"names\": %ld, \"seconds\": %.3f", load->lost,
           load->skipped, load->late, load->answeredNames, seconds);
    printf(", \"latest_send\": %.1f", (double)load->latestSend / 1000);
    if (load->seconds != NULL) {
        printf(", \"start\": %.3f, \"timeline\": [", (double)load->start / 1e9);
        for (int index = 0; index < load->secondCount; index++) {
            printf(index == 0 ? "{" : ", {");
            printSecond(&load->seconds[index]);
            printf("}");
        }
        printf("]");
    }
    printf("}\n");
}

/// Gives each question of a batch its destination, and room for its source.
static void prepareSources(struct Load *load) {
    for (int index = 0; index < batchLimit; index++) {
        load->questions.peers[index] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(load->options->port),
            .sin_addr.s_addr = load->options->to == 0 ? htonl(INADDR_LOOPBACK) : load->options->to};
        load->questions.headers[index].msg_hdr.msg_control = load->sources[index];
        load->questions.headers[index].msg_hdr.msg_controllen = sizeof load->sources[index];
    }
}

int runLoad(const struct Options *options) {
    static struct Load load;
    load.options = options;
    load.isAnswered = calloc((size_t)options->count, 1);
    if (load.isAnswered == NULL) fail("calloc");
    if (!parseName(options->suffix, &load.suffix) || load.suffix.length > 240) fail("suffix");
    load.halfAsked = -1;
    load.timeout = options->timeout * INT64_C(1000000000);
    load.socket = options->clients > 0
        ? openDatagram() : openConnectedTo(options->to, options->port, options->from);
    int yes = 1;
    setsockopt(load.socket, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    prepareBatch(&load.questions, options->clients > 0);
    prepareBatch(&load.answers, false);
    if (options->clients > 0) prepareSources(&load);
    load.start = nanoseconds(CLOCK_REALTIME);
    if (options->timeline) {
        load.secondCount = (int)options->seconds;
        load.seconds = calloc((size_t)load.secondCount, sizeof *load.seconds);
        if (load.seconds == NULL) fail("calloc");
    }
    int64_t start = nanoseconds(CLOCK_MONOTONIC);
    if (options->rate > 0) runRate(&load);
    else runWindow(&load);
    report(&load, (double)(nanoseconds(CLOCK_MONOTONIC) - start) / 1e9);
    return load.total.received > 0 ? 0 : 1;
}
