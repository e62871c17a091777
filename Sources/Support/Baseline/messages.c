/// The few edits of DNS messages that the baseline needs.
#define _GNU_SOURCE
#include "baseline.h"

#include <string.h>
#include <time.h>

/// Octets of the record that answers: pointer, type, class, TTL, length, address.
enum { addressRecordLength = 16 };
/// Octets of an OPT record without options (RFC 6891 section 6.1.2).
enum { optRecordLength = 11 };
/// Octets of the SOA record of a negative answer, its names pointers.
enum { soaRecordLength = 36 };
/// Record types, by their registered numbers.
enum { typeA = 1, typeSOA = 6, typeOPT = 41, classIN = 1 };

/// An ASCII letter in lower case, any other octet as it is.
static inline uint8_t folded(uint8_t octet) {
    return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

size_t endOfName(const uint8_t *message, size_t length, size_t start) {
    size_t position = start;
    // Ends: every turn moves `position` forward, and it is compared with `length` first.
    while (position < length && message[position] != 0) {
        if (message[position] > 63) return 0;
        position += (size_t)message[position] + 1;
    }
    return position < length && position - start < 255 ? position + 1 : 0;
}

uint32_t addressOfName(const uint8_t *name) {
    uint32_t hash = 2166136261u;
    for (size_t index = 1; index <= name[0]; index++) hash = (hash ^ folded(name[index])) * 16777619u;
    return 0x0A000000u | (hash & 0x00FFFFFFu);
}

/// How often the address of a name had changed at `time`.
static int64_t changesOf(uint32_t hash, int change, int64_t time) {
    int64_t milliseconds = (int64_t)change * 1000;
    return (time / 1000000 + hash % (uint32_t)milliseconds) / milliseconds;
}

uint32_t addressAtTime(const uint8_t *name, int change, int64_t time) {
    uint32_t hash = addressOfName(name);
    return 0x0A000000u | (hash & 0xFF) << 16 | (uint32_t)(changesOf(hash, change, time) & 0xFFFF);
}

int64_t endOfAddress(const uint8_t *name, int change, uint32_t address, int64_t now) {
    uint32_t hash = addressOfName(name);
    int64_t changes = changesOf(hash, change, now);
    changes -= (changes - address) & 0xFFFF;
    int64_t milliseconds = (int64_t)change * 1000;
    return ((changes + 1) * milliseconds - hash % (uint32_t)milliseconds) * 1000000;
}

/// Writes the addresses of the question's name at `record`; returns where they end.
static uint8_t *writeAddresses(uint8_t *record, const uint8_t *name, const struct Options *options) {
    uint32_t address = options->change == 0 ? firstOf(addressOfName(name), options->records)
        : addressAtTime(name, options->change, nanoseconds(CLOCK_REALTIME));
    for (int index = 0; index < options->records; index++) {
        write16(record, 0xC000 | headerLength);
        write16(record + 2, typeA);
        write16(record + 4, classIN);
        write32(record + 6, options->ttl);
        write16(record + 10, 4);
        write32(record + 12, address + (uint32_t)index);
        record += addressRecordLength;
    }
    return record;
}

/// Writes the SOA of the domain above the question's name, for 5 seconds; returns where it ends.
static uint8_t *writeSOA(uint8_t *record, const uint8_t *name) {
    uint16_t domain = (uint16_t)(0xC000 | (headerLength + 1 + name[0]));
    static const uint32_t numbers[] = {1, 7200, 1800, 86400, 5};
    write16(record, domain);
    write16(record + 2, typeSOA);
    write16(record + 4, classIN);
    write32(record + 6, 5);
    write16(record + 10, soaRecordLength - 12);
    write16(record + 12, domain);
    write16(record + 14, domain);
    for (int index = 0; index < 5; index++) write32(record + 16 + 4 * index, numbers[index]);
    return record + soaRecordLength;
}

size_t answerInPlace(uint8_t *message, size_t length, const struct Options *options) {
    if (length < headerLength + 5 || (message[2] & 0xF8) != 0 || read16(message + 4) != 1) return 0;
    size_t end = endOfName(message, length, headerLength);
    if (end == 0 || length - end < 4) return 0;
    uint16_t type = read16(message + end), class = read16(message + end + 2);
    size_t position = end + 4;
    bool hasOPT = read16(message + 10) != 0 && length - position >= optRecordLength
        && message[position] == 0 && read16(message + position + 1) == typeOPT;
    const uint8_t *name = message + headerLength;
    bool hasAddress = type == typeA && class == classIN && name[0] != 0, hasSOA = !hasAddress && name[0] != 0;

    message[2] |= 0x84;  // QR and AA; RD stays as asked
    message[3] = 0x80;   // RA, NOERROR
    write16(message + 6, hasAddress ? (uint16_t)options->records : 0);
    write16(message + 8, hasSOA ? 1 : 0);
    write16(message + 10, hasOPT ? 1 : 0);
    if (hasAddress) position = (size_t)(writeAddresses(message + position, name, options) - message);
    if (hasSOA) position = (size_t)(writeSOA(message + position, name) - message);
    if (hasOPT) {
        uint8_t *record = message + position;
        memset(record, 0, optRecordLength);
        write16(record + 1, typeOPT);
        write16(record + 3, 1232);
        position += optRecordLength;
    }
    return position;
}

size_t replaceSuffix(uint8_t *message, size_t length, const struct WireName *from,
                     const struct WireName *to) {
    if (length < headerLength) return length;
    size_t end = endOfName(message, length, headerLength);
    if (end == 0 || end - headerLength < from->length) return length;
    size_t start = end - from->length, border = headerLength;
    while (border < start) border += (size_t)message[border] + 1;
    if (border != start || length - from->length + to->length > messageCapacity) return length;
    for (size_t index = 0; index < from->length; index++) {
        if (folded(message[start + index]) != from->bytes[index]) return length;
    }
    memmove(message + start + to->length, message + end, length - end);
    memcpy(message + start, to->bytes, to->length);
    return length - from->length + to->length;
}

bool parseName(const char *text, struct WireName *name) {
    size_t labelStart = 0, position = 1;
    for (; *text != 0; text++) {
        if (position >= 254) return false;
        if (*text == '.') {
            if (position == labelStart + 1) return false;
            name->bytes[labelStart] = (uint8_t)(position - labelStart - 1);
            labelStart = position++;
        } else {
            name->bytes[position++] = folded((uint8_t)*text);
        }
        if (position - labelStart > 64) return false;
    }
    if (position > labelStart + 1) {
        name->bytes[labelStart] = (uint8_t)(position - labelStart - 1);
        labelStart = position;
    }
    name->bytes[labelStart] = 0;
    name->length = labelStart + 1;
    return true;
}
