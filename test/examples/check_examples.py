#!/usr/bin/python3
"""The sample configurations are what they say: complete, accepted by anyhomed, and of one set.

Usage: check_examples.py ANYHOMED DIRECTORY
"""
import pathlib
import re
import shutil
import subprocess
import sys

# What differs from one member of a set to the other.
OWN = {"home-agent-address", "locator"}


def effective(anyhomed, directory, name):
    """What anyhomed understood: (options, {section: options})."""
    done = subprocess.run(
        [anyhomed, "--", "--config", directory / "set.ini", "--config", directory / f"{name}.ini",
         "--mobile-nodes-file", directory / "mobile-nodes.csv", "--check-config"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name}.ini: {done.stdout}{done.stderr}")
    options, sections = {}, {}
    current = options
    for line in done.stdout.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif " = " in line:
            key, value = line.split(" = ", 1)
            current.setdefault(key, []).append(value)
    return options, sections


def check_set(anyhomed, directory):
    names = sorted(path.stem for path in directory.glob("*.ini") if path.stem != "set")
    assert len(names) == 3, f"three POPs, not {names}"
    members = {name: effective(anyhomed, directory, name) for name in names}
    first = members[names[0]][0]
    for name, (options, sections) in members.items():
        shared = {key: value for key, value in options.items() if key not in OWN}
        assert shared == {key: value for key, value in first.items() if key not in OWN}, \
            f"{name} differs from {names[0]} in what a set has in common"
        peers = {key.removeprefix("peer."): value for key, value in sections.items()
                 if key.startswith("peer.")}
        assert sorted([*peers, name]) == names, f"{name} has the peers {sorted(peers)}"
        for peer, said in peers.items():
            is_so = members[peer][0]
            for key in OWN:
                assert said[key] == is_so[key], f"{name} has a wrong {key} of {peer}"
        ports = [value for key, value in sections.items() if key.startswith("port.")]
        assert any(f"{options['locator'][0]}/64" in port.get("address", []) for port in ports), \
            f"no port of {name} has its locator"
    # The daemon's key is not shown, so the file is asked.
    key = re.search(r"^set-key = ([0-9a-f]{32})$", (directory / "set.ini").read_text(), re.M)
    assert key, "set-key is not 16 bytes"
    return first


def check_bird(directory, options):
    text = (directory / "bird.conf").read_text(encoding="ascii")
    assert f"krt_metric > {options['route-metric'][0]} then" in text, \
        "bird.conf takes another metric for ready than anyhomed"
    if shutil.which("bird") is None:
        print("bird.conf: not checked, BIRD is not installed")
        return
    done = subprocess.run(["bird", "-p", "-c", directory / "bird.conf"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"bird.conf: {done.stderr}"


def main():
    anyhomed, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        check_bird(directory, check_set(anyhomed, directory))
    except AssertionError as error:
        print(f"FAILED: {error}")
        return 1
    print("the sample configurations are good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
