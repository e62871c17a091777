"""DNS messages as octets (RFC 1035 section 4): enough to write odd ones, and to read what forwarders make of them.

It shares no code with the project: what both understand in the same wrong way would stay unseen.
"""

import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "DNAME": 39, "OPT": 41, "HTTPS": 65, "ANY": 255}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}

#: Where the name sits in the data of the types that hold one.
NAME_OFFSETS = {"NS": 0, "CNAME": 0, "PTR": 0, "DNAME": 0, "MX": 2, "SRV": 6}


def encode_name(name):
    """The name in wire form, uncompressed."""
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in labels) + b"\0"


def decode_name(message, position):
    """The name at `position` and the offset behind it; raises ValueError for a malformed one."""
    labels, end, limit = [], None, position
    while True:  # ends: each pointer leads further back
        if position >= len(message):
            raise ValueError("name runs past the end")
        length = message[position]
        if length == 0:
            return ".".join(labels), position + 1 if end is None else end
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[position + 1]
            if target >= limit:
                raise ValueError("pointer does not lead back")
            end = position + 2 if end is None else end
            position = limit = target
        elif length > 63:
            raise ValueError("reserved label type")
        else:
            labels.append(message[position + 1:position + 1 + length].decode("latin-1"))
            position += length + 1


def record(owner, kind, data, ttl=30, record_class=1):
    """One resource record; `kind` is a mnemonic or a number."""
    number = TYPES.get(kind, kind)
    return encode_name(owner) + struct.pack(">HHIH", number, record_class, ttl, len(data)) + data


def address(text):
    """The data of an A record."""
    return bytes(int(part) for part in text.split("."))


def soa(domain, minimum=5):
    """The data of an SOA record as CoreDNS gives it."""
    return (encode_name(f"ns.dns.{domain}") + encode_name(f"hostmaster.{domain}")
            + struct.pack(">IIIII", 1, 7200, 1800, 86400, minimum))


def opt(size=1232, flags=0, version=0, options=b"", extended_rcode=0):
    """An OPT record (RFC 6891 section 6.1.2)."""
    return (b"\0" + struct.pack(">HHBBHH", 41, size, extended_rcode, version, flags, len(options)) + options)


def query(name, kind, identifier, with_edns=True):
    """A client's question with RD."""
    head = struct.pack(">HHHHHH", identifier, 0x0100, 1, 0, 0, 1 if with_edns else 0)
    return head + encode_name(name) + struct.pack(">HH", TYPES[kind], 1) + (opt() if with_edns else b"")


class Message:
    """A message taken apart; raises ValueError or IndexError where it is malformed."""

    def __init__(self, octets):
        self.octets = octets
        (self.identifier, self.flags, questions, *counts) = struct.unpack(">HHHHHH", octets[:12])
        self.is_response = bool(self.flags & 0x8000)
        self.is_truncated = bool(self.flags & 0x0200)
        self.rcode = self.flags & 15
        self.question, self.sections, self.edns = None, [[], [], []], None
        position = 12
        for _ in range(questions):
            name, position = decode_name(octets, position)
            kind, record_class = struct.unpack(">HH", octets[position:position + 4])
            self.question = (name, kind, record_class)
            position += 4
        for section, count in zip(self.sections, counts):
            for _ in range(count):
                owner, position = decode_name(octets, position)
                kind, record_class, ttl, length = struct.unpack(">HHIH", octets[position:position + 10])
                position += 10
                if position + length > len(octets):
                    raise ValueError("data runs past the end")
                if kind == TYPES["OPT"]:
                    self.edns = octets[position:position + length]
                    self.rcode |= (ttl >> 24) << 4
                else:
                    section.append((owner, TYPE_NAMES.get(kind, str(kind)), ttl, self._data(kind, position, length)))
                position += length

    def _data(self, kind, position, length):
        """The data with names spelled out, so that compression makes no difference."""
        name = TYPE_NAMES.get(kind, "")
        if name == "SOA":
            first, middle = decode_name(self.octets, position)
            second, end = decode_name(self.octets, middle)
            return f"{first.lower()} {second.lower()} {self.octets[end:position + length].hex()}"
        if name in NAME_OFFSETS:
            start = position + NAME_OFFSETS[name]
            return self.octets[position:start].hex() + " " + decode_name(self.octets, start)[0].lower()
        return self.octets[position:position + length].hex()
