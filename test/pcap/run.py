#!/usr/bin/python3
"""Runs cases of packets in, packets out and exact counters through the real anyhomed.

    run.py BUILD-DIRECTORY FILE [CASE...]

FILE is one of cases/; it has functions `case_NAME(pop)`, each with a daemon of its own, that return the
counters and the drops that are not zero at the end. A decorator `@setup(...)` passes options to the
daemon. Needs neither root nor hugepages. Of a failed case the files stay: configuration, log, and
what went in, came out and should have come out as pcap files.
"""
import importlib.util
import pathlib
import shutil
import sys
import tempfile
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import check  # noqa: E402
from pop import PORTS, Pop, write_pcap  # noqa: E402
from anyhome_lab.shell import LabError  # noqa: E402


def run_case(programs, name, case):
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"anyhome-pcap-{name}-"))
    problems = []
    pop = None
    try:
        pop = Pop(programs, directory, **getattr(case, "setup", {}))
        counted, dropped = case(pop)
        # By the operator's way, once nothing moves any more.
        pop.counters = pop.ctl("--all", "show", "counters")
        pop.drops = pop.ctl("--all", "show", "drops")
        pop.ports = pop.ctl("show", "ports")
        pop.pools = pop.ctl("show", "pools")
        code = pop.finish()
        if code != 0:
            problems.append(f"anyhomed ends with exit code {code}")
        for port in PORTS:
            check.check_port(pop, port, problems.append)
        check.check_counters(pop, counted, dropped, problems.append)
        check.check_books(pop, problems.append)
    except (LabError, AssertionError, OSError, ValueError) as error:
        where = traceback.extract_tb(error.__traceback__)
        line = next((at for at in where if at.filename == case.__code__.co_filename), where[-1])
        problems.append(f"{line.filename}:{line.lineno}: {line.line}: "
                        f"{type(error).__name__} {error}")
    finally:
        if pop is not None:
            pop.kill()
    if not problems:
        shutil.rmtree(directory)
        print(f"ok      {name}")
        return True
    print(f"FAILED  {name}")
    for problem in problems:
        print(f"  {problem}")
    if pop is not None:
        write_pcap(directory / "in.pcap", pop.fed_frames)
        for port in PORTS:
            (directory / f"expected-{port}.pcap").write_bytes(check.expected_pcap(pop, port))
        for line in pop.log.read_text(errors="replace").splitlines()[-12:]:
            print(f"  | {line}")
    print(f"  files: {directory}")
    return False


def main(programs, file, *wanted):
    path = pathlib.Path(file)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cases = {name.removeprefix("case_"): value for name, value in vars(module).items()
             if name.startswith("case_")}
    unknown = set(wanted) - cases.keys()
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    results = [run_case(programs, name, case) for name, case in cases.items()
               if not wanted or name in wanted]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
