"""How costs grow with the tables, drawn by gnuplot."""
import json
import subprocess

from .options import INDEXES

COLOURS = {"to-mobile-node": "#1b6ca8", "to-haha-link": "#5aa9e6", "from-haha-link": "#c1440e",
           "from-mobile-node": "#2e7d32", "miss": "#757575", "exact-match": "#000000"}


class PlotError(Exception):
    """Nothing can be drawn; the text says why."""


def series(figures):
    """{title: (colour, dash, points)}: the default index solid, others dashed, the reference dotted; and
    how many figures were never seen quiet, which are not drawn."""
    found, unseen = {}, 0
    for name, figure in figures.items():
        parts = name.split("/")
        if parts[0] == "path" and len(parts) == 4:
            title, colour = f"{parts[1]}, {parts[3]}", COLOURS[parts[1]]
            dash = 1 if parts[3] == INDEXES[0] else 2
        elif name.startswith("reference/exact-match/"):
            title, colour, dash = "DPDK's exact match", COLOURS["exact-match"], 3
        else:
            continue
        if figure.get("quiet") is None:
            unseen += 1
            continue
        found.setdefault(title, (colour, dash, []))[2].append((int(parts[2]), figure["quiet"]))
    return {title: (colour, dash, sorted(points)) for title, (colour, dash, points)
            in sorted(found.items())}, unseen


def quoted(text):
    """For gnuplot, which has marks for subscripts and the like."""
    for mark in "\\_^{}@&~\"":
        text = text.replace(mark, "\\\\" + mark if mark in "_^@&~{}" else " ")
    return text


def draw(record, picture):
    with open(record, encoding="utf-8") as file:
        content = json.load(file)
    lines, unseen = series(content["figures"])
    if not lines:
        raise PlotError("--plot: there are no quiet figures of paths to draw")
    what = content.get("machine", {})
    described = [what.get("processor", ""), "; ".join(
        part for part in (f"pages of {what.get('pages')}", what.get("compiled"), what.get("date")) if part)]
    if unseen:
        described[1] += f"; {unseen} figures were never seen quiet and are not drawn"
    smallest = min(points[0][0] for _, _, points in lines.values())
    largest = max(points[-1][0] for _, _, points in lines.values())
    script = [
        "set terminal svg size 1000,600 dynamic background '#ffffff' font 'sans,13'",
        f"set output '{picture}'",
        "set title \"Cycles per packet of one core, by bindings in the tables (median of quiet phases)"
        + "".join(f"\\n{{/*0.7 {quoted(line)}}}" for line in described) + "\"",
        "set logscale x", f"set xrange [{smallest / 1.5}:{largest * 1.5}]", "set format x '10^{%L}'", "set xlabel 'bindings'",
        "set ylabel 'cycles (of the time stamp counter) per packet'", "set yrange [0:*]", "set grid",
        "set key outside right top noenhanced",
    ]
    for number, (_, (_, _, points)) in enumerate(lines.items()):
        script += [f"$d{number} << end", *(f"{x} {y}" for x, y in points), "end"]
    script.append("plot " + ", ".join(
        f"$d{number} with linespoints lw 2 pt 7 ps 0.5 dt {dash} lc rgb '{colour}' title '"
        + title.replace("'", "''") + "'"
        for number, (title, (colour, dash, _)) in enumerate(lines.items())))
    try:
        subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
    except FileNotFoundError:
        raise PlotError("--plot: gnuplot is not installed (scripts/setup)") from None
