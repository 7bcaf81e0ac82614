"""How costs grow with the tables, drawn by gnuplot."""
import json
import subprocess

PATHS = ("to-mobile-node", "to-haha-link", "from-haha-link", "from-mobile-node", "miss")
COLOURS = {"to-mobile-node": "#1b6ca8", "to-haha-link": "#5aa9e6", "from-haha-link": "#c1440e",
           "from-mobile-node": "#2e7d32", "miss": "#757575", "exact-match": "#000000"}


def series(figures):
    """{title: (colour, dash, points)}: buckets solid, rte-hash dashed, the reference dotted."""
    found = {}
    for name, figure in figures.items():
        parts = name.split("/")
        value = figure.get("quiet", figure.get("busy"))
        if value is None:
            continue
        if parts[0] == "path" and len(parts) == 4:
            title, colour = f"{parts[1]}, {parts[3]}", COLOURS[parts[1]]
            dash = 1 if parts[3] == "buckets" else 2
        elif name.startswith("reference/exact-match/"):
            title, colour, dash = "DPDK's exact match", COLOURS["exact-match"], 3
        else:
            continue
        found.setdefault(title, (colour, dash, []))[2].append((int(parts[2]), value))
    return {title: (colour, dash, sorted(points)) for title, (colour, dash, points)
            in sorted(found.items())}


def draw(record, picture):
    with open(record, encoding="utf-8") as file:
        content = json.load(file)
    lines = series(content["figures"])
    if not lines:
        raise SystemExit("bench: --plot: there are no figures of paths to draw")
    what = content.get("machine", {})
    script = [
        "set terminal svg size 900,560 dynamic background '#ffffff' font 'sans,13'",
        f"set output '{picture}'",
        "set title \"Cycles per packet of one core, by bindings in the tables (quiet median)\\n"
        f"{{/*0.8 {what.get('processor', '')}; {what.get('pages', '')}; {what.get('date', '')}}}\"",
        "set logscale x", "set format x '10^{%L}'", "set xlabel 'bindings'",
        "set ylabel 'TSC cycles per packet'", "set yrange [0:*]", "set grid",
        "set key outside right top",
    ]
    for number, (_, (_, _, points)) in enumerate(lines.items()):
        script += [f"$d{number} << end", *(f"{x} {y}" for x, y in points), "end"]
    script.append("plot " + ", ".join(
        f"$d{number} with linespoints lw 2 pt 7 ps 0.5 dt {dash} lc rgb '{colour}' title '"
        + title.replace("'", "''") + "'"
        for number, (title, (colour, dash, _)) in enumerate(lines.items())))
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
