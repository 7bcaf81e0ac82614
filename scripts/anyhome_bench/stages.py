"""Cycles by stage: anyhome-bench notes at which instructions forwarding was interrupted, debugging
information says which functions they were inlined from, and files tell the stages apart."""
import subprocess

from .instructions import stage_of

NO_STAGE = ("io", "shared-code", "pipeline-other")


def resolve(program, offsets):
    """{offset: [(file, function), ...]}, the innermost function first."""
    done = subprocess.run(["addr2line", "-e", program, "-a", "-f", "-i"], text=True, check=True,
                          input="".join(f"{offset}\n" for offset in offsets), capture_output=True)
    return parse_addresses(done.stdout.splitlines())


def parse_addresses(lines):
    """Of addr2line -a -f -i: a line with the address, then function and file in turn."""
    found, frames, function = {}, None, None
    for line in lines:
        if line.startswith("0x"):
            frames = found.setdefault(hex(int(line, 16)), [])
            function = None
        elif function is None:
            function = line
        else:
            frames.append((line.rpartition(":")[0], function))
            function = None
    return found


def stage_of_frames(frames, library):
    """The innermost that is a stage: what is inlined from elsewhere into one is that one's."""
    stages = [stage_of(file, function, library) for file, function in frames]
    return next((stage for stage in stages if stage not in NO_STAGE), stages[0] if stages else "io")


def figures(record, resolve_in=resolve):
    """Of a record with a profile: its figures, and stage-cycles/PATH/STAGE."""
    found = dict(record["figures"])
    for path, places in record.get("profile", {}).items():
        total = found.get(f"stage-cycles/{path}/total", {}).get("quiet")
        if not places or total is None:
            continue  # never seen quiet
        by_file = {}
        for place, times in places.items():
            file, offset = place.rsplit(" ", 1)
            by_file.setdefault(file, {})[offset] = times
        stages = {}
        for file, offsets in by_file.items():
            frames = resolve_in(file, offsets) if file != "???" else {}
            for offset, times in offsets.items():
                stage = stage_of_frames(frames.get(offset, []), file.rpartition("/")[2])
                stages[stage] = stages.get(stage, 0) + times
        noted = sum(stages.values())
        for stage, times in stages.items():
            if total * times / noted < 0.5:
                continue  # seen by chance, as far as one can tell
            found[f"stage-cycles/{path}/{stage}"] = {
                "unit": "cycles", "better": "less", "quiet": round(total * times / noted, 2)}
    return found
