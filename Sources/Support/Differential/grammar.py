"""The grammar of answers: a seed makes one, the same for every forwarder and every attempt.

An answer is a base (what a well-behaved server would say) to which up to three twists are put: what servers,
middleboxes and liars have been seen to do. The features' names stand in the report.
"""

import random
import struct

from wire import TYPES, Message, address, encode_name, opt, record, soa

#: A cluster's domain; each sequence of a batch has one, and a server, of its own.
DOMAIN = "z{}.local"
OUTSIDE = "outside.example"
#: Variant of the data that targets of aliases have, in the answer and when they are asked for themselves.
TARGET = 77
KINDS = ["A", "A", "A", "AAAA", "SRV", "TXT", "CNAME", "MX", "HTTPS"]


class Answer:
    """What is about to be sent; twists change it."""

    def __init__(self, question, rng):
        self.name, self.kind, _ = question
        self.domain = ".".join(self.name.split(".")[-2:])
        self.rng = rng
        self.rcode, self.flags = 0, 0x8480  # QR, AA, RA
        self.answer, self.authority, self.additional = [], [], []
        self.edns = opt()
        self.questions = [self.octets_of_question()]
        self.identifier_offset = 0
        self.tail, self.cut = b"", 0
        self.truncates_udp = self.truncates_tcp = False
        self.first_attempts = 0  # the first so many attempts get `early` instead
        self.early = None
        self.copies = 1

    def octets_of_question(self, name=None, kind=None):
        return encode_name(name or self.name) + struct.pack(">HH", kind or self.kind, 1)

    def data(self, variant=0):
        """Data that fits the type asked for."""
        return {
            1: address(f"10.9.1.{variant}"), 28: bytes([0xfd] + [variant] * 15),
            33: struct.pack(">HHH", 0, 100, 80 + variant) + encode_name(f"web.test.svc.{self.domain}"),
            16: b"\3a%02d" % variant, 5: encode_name(f"target.test.svc.{self.domain}"),
            15: struct.pack(">H", 10 + variant) + encode_name(f"mail.test.svc.{self.domain}"),
            65: struct.pack(">H", 1) + b"\0" + struct.pack(">HH", 1, 3) + b"\2h2",
        }.get(self.kind, b"\1x")

    def pack(self, identifier, has_edns, is_tcp, attempt):
        """The message, or None for silence."""
        if attempt < self.first_attempts:
            if self.early is None:
                return []
            head = struct.pack(">HHHHHH", identifier, 0x8480 | self.early, 1, 0, 0, 0)
            return [head + self.questions[0]] if self.questions else [head]
        flags = self.flags | self.rcode & 15
        if self.truncates_tcp or self.truncates_udp and not is_tcp:
            flags |= 0x0200
        sections = [self.answer, self.authority, list(self.additional)]
        if self.edns is not None and has_edns:
            sections[2].append(self.edns)
        head = struct.pack(
            ">HHHHHH", (identifier + self.identifier_offset) & 0xFFFF, flags, len(self.questions),
            *[len(section) for section in sections])
        octets = head + b"".join(self.questions) + b"".join(b"".join(section) for section in sections) + self.tail
        return [octets[:len(octets) - self.cut] if self.cut else octets] * self.copies


# MARK: Bases

def positive(answer):
    count = answer.rng.choice([1, 1, 2, 5])
    answer.answer = [record(answer.name, answer.kind, answer.data(index)) for index in range(count)]
    if answer.kind == 5:
        answer.answer = answer.answer[:1]


def denial(answer):
    answer.rcode = 3
    answer.authority = [record(answer.domain, "SOA", soa(answer.domain))]


def no_data(answer):
    answer.authority = [record(answer.domain, "SOA", soa(answer.domain))]


def alias_inside(answer):
    target = f"target.test.svc.{answer.domain}"
    answer.answer = [record(answer.name, "CNAME", encode_name(target))]
    if answer.kind != 5:
        answer.answer.append(record(target, answer.kind, answer.data(TARGET)))


def alias_outside(answer):
    target = f"www.{OUTSIDE}"
    answer.answer = [record(answer.name, "CNAME", encode_name(target))]
    if answer.kind != 5:
        answer.answer.append(record(target, answer.kind, answer.data(TARGET)))


def failure(answer):
    answer.rcode = answer.rng.choice([2, 5, 1, 4, 9])


BASES = [positive] * 4 + [denial, no_data, alias_inside, alias_outside, failure]


# MARK: Twists

def twist_truncated_udp(answer):
    answer.truncates_udp = True


def twist_truncated_always(answer):
    answer.truncates_tcp = True


def twist_no_edns(answer):
    answer.edns = None


def twist_two_opt(answer):
    answer.additional.append(opt())


def twist_opt_in_answer(answer):
    answer.answer.append(opt())


def twist_badvers(answer):
    answer.edns = opt(extended_rcode=1)
    answer.answer = []


def twist_high_rcode(answer):
    answer.edns = opt(extended_rcode=answer.rng.choice([1, 2, 3]))


def twist_edns_version(answer):
    answer.edns = opt(version=1)


def twist_unknown_option(answer):
    answer.edns = opt(options=struct.pack(">HH", 65001, 3) + b"abc")


def twist_no_question(answer):
    answer.questions = []


def twist_other_question(answer):
    answer.questions = [answer.octets_of_question(name=f"other.test.svc.{answer.domain}")]


def twist_other_type(answer):
    answer.questions = [answer.octets_of_question(kind=TYPES["TXT"] if answer.kind != 16 else 1)]


def twist_two_questions(answer):
    answer.questions = answer.questions * 2


def twist_wrong_id(answer):
    answer.identifier_offset = 1


def twist_is_query(answer):
    answer.flags &= ~0x8000


def twist_opcode(answer):
    answer.flags |= 0x2000


def twist_no_aa(answer):
    answer.flags &= ~0x0400


def twist_no_ra(answer):
    answer.flags &= ~0x0080


def twist_ad_and_z(answer):
    answer.flags |= 0x0060


def twist_dname_at_domain(answer):
    answer.answer.insert(0, record(answer.domain, "DNAME", encode_name(OUTSIDE)))


def twist_dname_above(answer):
    answer.answer.insert(0, record("local", "DNAME", encode_name(OUTSIDE)))
    # The question's letter case is any.
    answer.answer.insert(1, record(
        answer.name, "CNAME", encode_name(answer.name[:-len("local")] + OUTSIDE)))


def twist_dname_root(answer):
    answer.answer.insert(0, record("", "DNAME", encode_name(OUTSIDE)))


def twist_foreign_answer(answer):
    answer.answer.append(record(f"victim.{OUTSIDE}", "A", address("192.0.2.66")))


def twist_sibling_answer(answer):
    answer.answer.append(record(f"sibling.test.svc.{answer.domain}", "A", address("10.9.9.9")))


def twist_foreign_authority(answer):
    answer.authority.append(record(OUTSIDE, "NS", encode_name(f"ns.{OUTSIDE}")))
    answer.additional.append(record(f"ns.{OUTSIDE}", "A", address("192.0.2.66")))


def twist_root_authority(answer):
    answer.authority.append(record("", "NS", encode_name("a.root-servers.net")))


def twist_com_authority(answer):
    answer.authority.append(record("com", "NS", encode_name("a.gtld-servers.net")))


def twist_glue(answer):
    answer.authority.append(record(answer.domain, "NS", encode_name(f"ns.dns.{answer.domain}")))
    answer.additional.append(record(f"ns.dns.{answer.domain}", "A", address("10.96.0.10")))


def twist_soa_above(answer):
    answer.authority.append(record("local", "SOA", soa("local")))


def twist_reversed(answer):
    answer.answer.reverse()


def twist_two_aliases(answer):
    answer.answer.append(record(answer.name, "CNAME", encode_name(f"second.test.svc.{answer.domain}")))


def twist_alias_loop(answer):
    other = f"loop.test.svc.{answer.domain}"
    answer.answer = [
        record(answer.name, "CNAME", encode_name(other)), record(other, "CNAME", encode_name(answer.name))]


def twist_duplicates(answer):
    answer.answer = [octets for octets in answer.answer for _ in range(2)]


def twist_mixed_ttl(answer):
    answer.answer.append(record(answer.name, answer.kind, answer.data(7), ttl=3))


def twist_high_ttl(answer):
    answer.answer.append(record(answer.name, answer.kind, answer.data(8), ttl=0x80000010))


def twist_zero_ttl(answer):
    answer.answer.append(record(answer.name, answer.kind, answer.data(9), ttl=0))


def twist_wrong_class(answer):
    answer.answer.append(record(answer.name, answer.kind, answer.data(6), record_class=3))


def twist_wrong_length(answer):
    answer.answer.append(record(answer.name, "A", b"\12\11\1"))


def twist_tail(answer):
    answer.tail = b"\0" * answer.rng.choice([1, 12])


def twist_cut(answer):
    answer.cut = answer.rng.choice([1, 5, 9])


def twist_forward_pointer(answer):
    answer.answer.append(b"\xc0\xff" + struct.pack(">HHIH", 1, 1, 30, 4) + address("10.9.9.8"))


def twist_pointer_loop(answer):
    answer.authority.append(b"\xc0\x0c" + struct.pack(">HHIH", 2, 1, 30, 2) + b"\xc0\x0c")


def twist_first_fails(answer):
    answer.first_attempts, answer.early = 1, answer.rng.choice([1, 2, 4, 5])


def twist_first_silent(answer):
    answer.first_attempts = 1


def twist_twice(answer):
    answer.copies = 2


def twist_many(answer):
    if answer.kind == 1 and answer.rcode == 0:
        answer.answer += [record(answer.name, "A", address(f"10.8.1.{index}")) for index in range(60)]
        answer.truncates_udp = True


#: What makes a forwarder wait in vain: rare, since each costs a client's whole timeout.
LOST = [twist_other_question, twist_other_type, twist_wrong_id, twist_is_query, twist_opcode, twist_first_silent]
HEARD = [value for name, value in sorted(globals().items()) if name.startswith("twist_") and value not in LOST]


def features(seed):
    """The names of base and twists of this seed, without making the answer."""
    rng = random.Random(seed)
    base = rng.choice(BASES)
    twists = rng.sample(HEARD, rng.choice([0, 1, 1, 1, 2, 2, 3]))
    if seed % 100 == 99:
        twists = [rng.choice(LOST)]
    return rng, base, twists


def kind_of(seed):
    """The type that is asked."""
    return random.Random(seed ^ 0x5EED).choice(KINDS)


def describe(seed):
    """The features as text: base first."""
    _, base, twists = features(seed)
    return (base.__name__, *sorted(twist.__name__.removeprefix("twist_") for twist in twists))


def answers(question_octets, seed, is_tcp, attempt):
    """The octets to send for this question, one for each message; empty for silence."""
    question = Message(question_octets)
    name, kind, _ = question.question
    rng, base, twists = features(seed)
    answer = Answer((name, kind, 1), rng)
    base(answer)
    for twist in twists:
        twist(answer)
    return answer.pack(question.identifier, question.edns is not None, is_tcp, attempt)


def plain_answer(question_octets):
    """What is said of every name without a seed: targets of aliases exist, probes are answered, else no data."""
    question = Message(question_octets)
    name, kind, _ = question.question
    answer = Answer((name, kind, 1), random.Random(0))
    labels = name.lower().split(".")
    if kind == TYPES["SOA"] and name.lower() == answer.domain.lower():
        answer.answer = [record(name, "SOA", soa(answer.domain))]
    elif labels[0] == "dns-version":
        answer.answer = [record(name, "TXT", b"\x051.1.0")]
    elif labels[0] in ("target", "www", "mail", "web") and kind in (1, 28, 33, 16, 15, 65):
        answer.answer = [record(name, kind, answer.data(TARGET))]
    else:
        answer.authority = [record(answer.domain, "SOA", soa(answer.domain))]
    return answer.pack(question.identifier, question.edns is not None, False, 0)
