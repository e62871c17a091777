"""Why ours differs from most other forwarders, kind by kind; what has no reason here is a fault, of one side."""


def reason(features, ours, usual):
    """The known reason for `ours` where the others say `usual`, or None."""
    for condition, text in REASONS:
        if condition(features, ours, usual):
            return text
    return None


REASONS = []
