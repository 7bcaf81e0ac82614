"""DPDK's telemetry socket, spoken to directly: what dpdk-telemetry.py does, for programs."""
import json
import os
import pathlib
import socket


def runtime_directory(file_prefix):
    """Where DPDK keeps the files of a process, as its EAL finds it."""
    base = os.environ.get("RUNTIME_DIRECTORY")
    if not base:
        base = "/var/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return pathlib.Path(base) / "dpdk" / file_prefix


class Telemetry:
    """One connection. Raises OSError when nobody is there."""

    def __init__(self, directory, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(str(directory / "dpdk_telemetry.v2"))
            hello = self.socket.recv(1024)
            if not hello:
                raise ConnectionRefusedError("ten clients are connected already")
            self.largest = json.loads(hello)["max_output_len"]
        except BaseException:
            self.socket.close()
            raise

    def close(self):
        self.socket.close()

    def raw(self, command):
        """The answer as bytes, to any command of the socket."""
        self.socket.send(command.encode("ascii"))
        answer = self.socket.recv(self.largest + 1024)
        if not answer:
            raise ConnectionResetError("the daemon has closed the connection")
        return answer

    def ask(self, name, parameters=""):
        """One page of "/anyhome/NAME"; None from a daemon that is still starting."""
        path = f"/anyhome/{name}"
        return json.loads(self.raw(f"{path},{parameters}" if parameters else path))[path]

    def rows(self, name, parameters=""):
        """All rows of a listing, page by page."""
        rows, cursor = [], ""
        while True:
            asked = ",".join(part for part in (parameters, cursor) if part)
            answer = self.ask(name, asked)
            if "error" in answer:
                raise ValueError(answer["error"])
            rows += [row for key, row in answer.items() if key.isdigit()]
            if "next" not in answer:
                return rows
            cursor = f"cursor={answer['next']}"
