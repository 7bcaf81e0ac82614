"""Instructions per packet, counted by callgrind: the same in every run, whoever else uses the machine.

anyhome-bench forwards each path once; callgrind counts inside of Runner::forward_train only, which is
what is timed otherwise, and leaves a profile whenever Runner::run returns. Files tell the stages apart:
each has one of its own.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile

PACKETS = 8192
BINDINGS = 1000
# Our own code is built for x86-64-v3; DPDK is told to leave AVX-512 alone, which valgrind does not know.
EAL = ("--no-pci", "--no-telemetry", "--log-level=error", "--no-huge", "-m", "400",
       "--force-max-simd-bitwidth=256")
# What is no stage of the pipeline's, by what file, function or library contains.
OTHERS = (("BucketIndex", "binding-lookup"), ("buckets_index", "binding-lookup"),
          ("BucketIndex", "binding-lookup"), ("bucket_index", "binding-lookup"),
          ("binding_table", "binding-lookup"), ("RteHashIndex", "binding-lookup"),
          ("rte_hash", "binding-lookup"), ("lpm", "route-lookup"), ("Lpm", "route-lookup"),
          ("route_table", "route-lookup"), ("reader_view", "route-lookup"))
STAGES = ("parse", "local", "decapsulate", "haha_link", "resolve", "route", "encapsulate", "rewrite",
          "icmp_error", "fragment")


class CountError(Exception):
    """Nothing was counted; the text says why."""


def stage_of(file, function, library):
    path = pathlib.PurePath(file)
    if path.parent.name == "pipeline":
        return path.stem.replace("_", "-") if path.stem in STAGES else "pipeline-other"
    for part, stage in OTHERS:
        if part in file or part in function or part in library:
            return stage
    # Rings, buffers, transmission; and what is inlined from common/ and the standard library into
    # several stages.
    is_io = path.name.startswith("rte_") or path.parent.name in ("io", "worker", "anyhome-bench")
    return "io" if is_io or file == "???" else "shared-code"


def parse_profile(lines):
    """Instructions by stage, of a profile without compression."""
    stages = {}
    file = function = library = ""
    called = False
    for line in lines:
        key, equals, value = line.rstrip("\n").partition("=")
        if equals and key in ("fl", "fi", "fe", "fn", "ob", "calls"):
            if key == "fn":
                function = value
            elif key == "ob":
                library = pathlib.PurePath(value).name
            elif key == "calls":
                called = True
            else:
                file = value
        elif line[:1].isdigit():
            # The line after a call says what that took in all; it is counted where it was spent.
            if not called:
                stage = stage_of(file, function, library)
                stages[stage] = stages.get(stage, 0) + int(line.split()[1])
            called = False
    return stages


def count(program, index="buckets", timeout=120):
    """{path: {stage: instructions per packet}}, of all stages and in all ("total")."""
    with tempfile.TemporaryDirectory(prefix="anyhome-bench-") as directory:
        directory = pathlib.Path(directory)
        out = directory / "profile"
        packets = directory / "packets.json"
        processors = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        command = ["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
                   "--toggle-collect=*Runner::forward_train*",
                   "--dump-after=anyhome::bench::Runner::run(anyhome::bench::Path*",
                   "--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={out}",
                   program, *EAL, "--lcores", f"0@({processors})", "--file-prefix",
                   f"anyhome-bench-{os.getpid()}", "--", "--only", "counted", "--bindings", BINDINGS,
                   "--packets", PACKETS, "--binding-index", index, "--json", packets]
        try:
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                  timeout=timeout, check=False,
                                  env=os.environ | {"RUNTIME_DIRECTORY": str(directory)})
        except FileNotFoundError:
            raise CountError("valgrind is not installed: scripts/setup") from None
        except subprocess.TimeoutExpired:
            raise CountError(f"valgrind: no end after {timeout} s") from None
        if done.returncode != 0:
            raise CountError(f"valgrind: exit code {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
        # In the order in which they were forwarded.
        forwarded = list(json.loads(packets.read_text())["figures"].items())
        order = ("to-mobile-node", "to-haha-link", "from-haha-link", "from-mobile-node", "miss")
        by_name = {name.split("/")[1]: figure["quiet"] for name, figure in forwarded}
        result = {}
        for number, path in enumerate(order, 1):
            with open(f"{out}.{number}", encoding="utf-8") as profile:
                stages = parse_profile(profile)
            if not stages:
                raise CountError(f"{path}: callgrind has counted nothing")
            result[path] = {stage: cost / by_name[path] for stage, cost in sorted(stages.items())}
            result[path]["total"] = sum(stages.values()) / by_name[path]
        return result


def figures(program, indexes, committed):
    """As anyhome-bench writes them: of each path, beside what is committed, and of the first index's
    stages."""
    found = {}

    def add(name, value):
        found[name] = {"unit": "instructions", "better": "less", "quiet": round(value, 2)}
    # Counts do not mind who else runs: all indexes at once.
    with concurrent.futures.ThreadPoolExecutor() as together:
        counted = dict(zip(indexes, together.map(lambda index: count(program, index), indexes)))
    for index in indexes:
        for path, stages in counted[index].items():
            name = f"instructions/{path}/{index}"
            add(name, stages["total"])
            if (limit := committed.get(index, {}).get(path)) is not None:
                found[name]["committed"] = limit
            if index == indexes[0]:
                for stage, cost in stages.items():
                    if cost >= 0.5:
                        add(f"stage/{path}/{stage}", cost)
    return found
