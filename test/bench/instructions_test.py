#!/usr/bin/env python3
"""No path may take more instructions per packet than are committed, but for a few per cent.

Counts do not depend on who else uses the machine, so this finds what makes forwarding slower where times
would be noise. Whoever has a reason to make a path longer commits the new counts with it; whoever makes one
shorter does so too, or the gain could be lost again unseen.
    instructions_test.py PROGRAM COUNTS.toml [--print]
"""
import pathlib
import shutil
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))

from anyhome_bench import instructions  # noqa: E402

SKIPPED = 77  # as Meson understands it


def main(program, counts_file, *options):
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (scripts/setup)")
        return SKIPPED
    with open(counts_file, "rb") as file:
        committed = tomllib.load(file)
    measured = {index: {path: stages["total"] for path, stages in
                        instructions.count(program, index).items()}
                for index in ("buckets", "rte-hash")}
    if "--print" in options:
        for index, paths in measured.items():
            print(f"[{index}]")
            print("".join(f"{path} = {count:.0f}\n" for path, count in paths.items()))
        return 0
    share = committed["tolerance-percent"] / 100
    too_many = shorter = 0
    for index, paths in measured.items():
        for path, count in paths.items():
            limit = committed[index][path]
            verdict = "as committed"
            if count > limit * (1 + share):
                too_many += 1
                verdict = f"more than {committed['tolerance-percent']} % too many"
            elif count < limit * (1 - share):
                shorter += 1
                verdict = "far fewer"
            print(f"{index:9} {path:17} {count:6.0f} instructions per packet, committed {limit:6}: "
                  f"{verdict}")
    if shorter:
        print(f"commit the new counts: {sys.argv[0]} {program} {counts_file} --print")
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
