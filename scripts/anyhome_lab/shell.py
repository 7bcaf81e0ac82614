"""Running things, and waiting for conditions instead of for time."""
import os
import signal
import subprocess
import time


class LabError(Exception):
    """Something in the lab did not work; the text says what."""


def run(*command, check=True, timeout=30, **options):
    """Runs a command to its end and returns its standard output."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=timeout, check=False, **options)
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(map(str, command))}: no end after {timeout} s") from None
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                       f"{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def succeeds(*command, timeout=30):
    """Whether a command ends with exit code 0."""
    return subprocess.run([str(word) for word in command], capture_output=True, timeout=timeout,
                          check=False).returncode == 0


def wait_for(what, condition, seconds=10.0, interval=0.05):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise LabError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(interval)  # between two looks at a condition that has a deadline


def start(command, log, namespace=None):
    """Starts a process of its own session, its output going to a file."""
    words = [str(word) for word in command]
    if namespace is not None:
        words = ["ip", "netns", "exec", namespace] + words
    with open(log, "ab") as output:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                start_new_session=True)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def stop(pid, seconds=10.0, how=signal.SIGTERM):
    """Ends one process by its number: asks, waits, and insists."""
    for number in (how, signal.SIGKILL):
        if not is_alive(pid):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        try:
            wait_for(f"process {pid} to end", lambda: reap(pid) or not is_alive(pid), seconds)
            return
        except LabError:
            continue


def reap(pid):
    """Takes the exit code of a child, if it is one and has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
