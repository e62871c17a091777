"""The figures of a load as a Markdown table: medians over the rounds, one row for every contender."""

import statistics

COLUMNS = {
    "throughput": ["CPU/query (us)", "ratio to baseline", "min-max (us)", "QPS", "CPU busy", "asked upstream",
                   "lost", "wrong"],
    "latency": ["p50 (us)", "p99 (us)", "p99.9 (us)", "CPU/query (us)", "ratio to baseline", "latest send (us)",
                "lost", "wrong"],
    "memory": ["RSS (MiB)", "of that for the names (MiB)", "names", "cached", "lost", "wrong"],
}


def table(load, rows):
    """The table of `rows`: for each contender a list of figures, or of an "error", by round."""
    columns = COLUMNS[load.kind]
    baseline = median(usable(rows["baseline"]), "cpu_us")
    head = "| contender | " + " | ".join(columns) + " |"
    lines = [f"\n### {load.title}\n", head, "|---" * (len(columns) + 1) + "|"]
    for name, rounds in rows.items():
        good = usable(rounds)
        if good:
            cells = CELLS[load.kind](good, baseline)
            if len(good) < len(rounds):
                name = f"{name} ({len(good)} of {len(rounds)} rounds)"
        else:
            cells = [rounds[-1]["error"] if rounds else "not run"] + [""] * (len(columns) - 1)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def link_table(titles, figures):
    """Ours and the baseline over each link: `figures` by load and link, then by contender, one by round."""
    lines = ["\n### Loopback and veth, side by side\n",
             "| load | over | baseline, CPU/query (us) | namebridge (us) | ratio | of loopback's |", "|---" * 6 + "|"]
    for load, title in titles.items():
        first = None
        for (key, link), rows in figures.items():
            if key != load:
                continue
            least, ours = (median(usable(rows[name]), "cpu_us") for name in ("baseline", "namebridge"))
            if not least or not ours:
                lines.append(f"| {title} | {link} | not measured | | | |")
                continue
            ratio = ours / least
            first = first or ratio
            lines.append(f"| {title} | {link} | {least:.2f} | {ours:.2f} | {ratio:.2f}x | {ratio / first:.2f}x |")
    return "\n".join(lines)


def usable(rounds):
    """The rounds that gave figures."""
    return [figures for figures in rounds if "error" not in figures]


def median(rounds, key):
    """The median of a figure over the rounds that have it, or None."""
    values = [figures[key] for figures in rounds if key in figures]
    return statistics.median(values) if values else None


def throughput_cells(rounds, baseline):
    """The cells of a throughput row."""
    values = [figures["cpu_us"] for figures in rounds]
    middle = statistics.median(values)
    return [
        f"{middle:.2f}", f"{middle / baseline:.2f}x" if baseline else "?", f"{min(values):.2f}-{max(values):.2f}",
        f"{median(rounds, 'qps'):,.0f}", f"{median(rounds, 'busy'):.0%}",
        f"{median(rounds, 'asked'):.0%}", *faults(rounds)]


def latency_cells(rounds, baseline):
    """The cells of a latency row."""
    return [f"{median(rounds, key):,.0f}" for key in ("p50", "p99", "p999")] + [
        f"{median(rounds, 'cpu_us'):.2f}", f"{median(rounds, 'cpu_us') / baseline:.2f}x" if baseline else "?",
        f"{median(rounds, 'late'):,.0f}", *faults(rounds)]


def memory_cells(rounds, _):
    """The cells of a memory row."""
    resident, before = median(rounds, "resident"), median(rounds, "before")
    return [
        f"{resident / 2**20:.1f}", f"{(resident - before) / 2**20:.1f}", f"{median(rounds, 'names'):,.0f}",
        f"{median(rounds, 'cached'):.1%}", *faults(rounds)]


def faults(rounds):
    """Lost and wrong answers, summed over the rounds."""
    return [f"{sum(figures[key] for figures in rounds):,}" for key in ("lost", "wrong")]


CELLS = {"throughput": throughput_cells, "latency": latency_cells, "memory": memory_cells}
