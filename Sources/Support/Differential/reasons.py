"""Why ours differs from most other forwarders, kind by kind; what has no reason here is a fault, of one side."""

def reason(features, ours, theirs):
    """The known reason for the word `ours` where the others say `theirs`, or None.

    - Parameters:
      - features: The base and the twists of the sequence.
      - ours: Status, with `+data` if there are records.
      - theirs: The same for most others, or for ours with rewriting.
    """
    for feature, of_ours, of_theirs, text in REASONS:
        if feature in features and of_ours(ours) and of_theirs(theirs):
            return text
    return None

def is_answer(word):
    return word.split("+")[0] in ("NOERROR", "NXDOMAIN")

REASONS = [
    ("truncated_always", is_answer, lambda word: word == "SERVFAIL",
     "an answer that is truncated over TCP, too, is given on as far as it goes, with TC, and not cached"),
    ("wrong_class", is_answer, is_answer, "records of another class than was asked are dropped (RFC 2181 section 5)"),
    ("dname_at_domain", is_answer, is_answer,
     "a cluster whose suffix is the plain domain may share it with others: its DNAME there is dropped"),
    ("failure", lambda word: word == "REFUSED", lambda word: word == "SERVFAIL",
     "a refusal of the only group is given on, with the server in the EDE"),
    ("two_aliases", is_answer, is_answer,
     "a name has one alias (RFC 2181 section 10.1): of several the first is used, as by Unbound"),
    ("opcode", lambda word: word == "SERVFAIL", is_answer,
     "an answer with another opcode than QUERY is none (RFC 5452 section 9.1)"),
    ("wrong_id", lambda word: word == "SERVFAIL", lambda word: word == "silence",
     "a client hears before its timeout that no answer came"),
]
