#!/usr/bin/env python3
"""Sums up the results of `meson test` into one line, "N passed, N failed, N skipped".

  count_tests.py [--passed N] [--failed N] testlog.json...

Counted are test cases: those a Catch2 program says it ran, and any other program as one. A program
that ends badly without having said which case failed is one failure.
"""
import argparse
import json
import pathlib
import re
import sys

ALL_PASSED = re.compile(r"^All tests passed \(\d+ assertions? in (\d+) test cases?\)", re.M)
SUMMARY = re.compile(r"^test cases: (.*)$", re.M)


def cases(output):
    """(passed, failed) of a Catch2 run; None of anything else."""
    if all_passed := ALL_PASSED.search(output):
        return int(all_passed[1]), 0
    if summary := SUMMARY.search(output):
        numbers = {word: int(number)
                   for number, word in re.findall(r"(\d+) (passed|failed)", summary[1])}
        return numbers.get("passed", 0), numbers.get("failed", 0)
    return None


def count(test):
    """(passed, failed, skipped) of one line of the log."""
    result = test["result"]
    if result == "SKIP":
        return 0, 0, 1
    good = result in ("OK", "EXPECTEDFAIL")
    counted = cases(test.get("stdout") or "")
    if counted is None:
        return (1, 0, 0) if good else (0, 1, 0)
    passed, failed = counted
    return passed, failed if good else max(failed, 1), 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passed", type=int, default=0)
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("logs", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    passed, failed, skipped = arguments.passed, arguments.failed, 0
    for log in arguments.logs:
        if not log.exists():
            print(f"failed: no test ran: {log} is missing")
            failed += 1
            continue
        for line in log.read_text(errors="replace").splitlines():
            test = json.loads(line)
            result = count(test)
            passed += result[0]
            failed += result[1]
            skipped += result[2]
            if result[1]:
                print(f"failed: {test['name']} ({test['result'].lower()})")
            elif result[2]:
                print(f"skipped: {test['name']}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
