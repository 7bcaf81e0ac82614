"""The laboratory of anyhome-mn-selftest: three network namespaces, the scripted home agent of
mn_home_agent.py, and one mobile node at a time."""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOME, HA1, HA2 = "2001:db8:0:1::100", "2001:db8:0:1::1a", "2001:db8:0:1::2a"
COA0, COA1, CORRESPONDENT = "2001:db8:a::2", "2001:db8:b::2", "2001:db8:cccc::1"
KEY = "000102030405060708090a0b0c0d0e0f"
PATIENCE = 15  # seconds for anything that has to happen


def check(condition, what, *details):
    if not condition:
        raise AssertionError(" ".join([what, *map(str, details)]))
    print(f"    {what}")


def run(*command, ns=None, expect=0):
    if ns:
        command = ("ip", "netns", "exec", ns, *command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{' '.join(command)}: {done.returncode} {done.stdout}{done.stderr}")
    return done


def until(condition, what):
    """Waits for a condition, not for time; the pause only spares the processor."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        result = condition()
        if result:
            print(f"    {what}")
            return result
        time.sleep(0.02)
    raise AssertionError(f"not in {PATIENCE} s: {what}")


class Lines:
    """JSON lines of a child."""

    def __init__(self, process):
        self.process, self.pending, self.events = process, b"", []

    def read(self, timeout):
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        if ready:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise AssertionError("the scripted home agent ended")
            *lines, self.pending = (self.pending + data).split(b"\n")
            self.events += [json.loads(line) for line in lines]

    def wait(self, what, **wanted):
        """The first event not seen yet that has all these values; earlier ones are dropped."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for i, event in enumerate(self.events):
                if all(event.get(k) == v for k, v in wanted.items()):
                    del self.events[:i + 1]
                    print(f"    {what}")
                    return event
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not in {PATIENCE} s: {what}; saw {self.events}")
            self.read(left)


class Lab:
    """mn --acc0-- ha --acc1-- mn, and a host behind the mobile node."""

    def __init__(self, binary):
        self.binary = binary
        self.mn, self.ha, self.host = (f"mnst{os.getpid()}-{x}" for x in ("mn", "ha", "host"))
        self.directory = tempfile.mkdtemp(prefix=f"mnst{os.getpid()}-")
        self.socket = os.path.join(self.directory, "mn.sock")
        self.processes = []
        self.daemon = None
        self.complaints = []

    def build(self):
        for ns in (self.mn, self.ha, self.host):
            run("ip", "netns", "add", ns)
            run("ip", "link", "set", "lo", "up", ns=ns)
        for i, net in enumerate("ab"):
            self.veth(self.mn, f"acc{i}", self.ha, f"hx{i}")
            run("ip", "addr", "add", f"2001:db8:{net}::2/64", "dev", f"acc{i}", "nodad", ns=self.mn)
            run("ip", "addr", "add", f"2001:db8:{net}::1/64", "dev", f"hx{i}", "nodad", ns=self.ha)
            run("ip", "-6", "route", "add", "default", "via", f"2001:db8:{net}::1", "dev",
                f"acc{i}", "metric", str(1000 + i), ns=self.mn)
        # The home agents' addresses are the script's alone: the kernel there must not answer.
        run("ip", "-6", "route", "add", "blackhole", "default", ns=self.ha)
        self.veth(self.mn, "lan0", self.host, "eth0")
        run("ip", "addr", "add", "2001:db8:0:100::1/64", "dev", "lan0", "nodad", ns=self.mn)
        run("ip", "addr", "add", "2001:db8:0:100::5/64", "dev", "eth0", "nodad", ns=self.host)
        run("ip", "-6", "route", "add", "default", "via", "2001:db8:0:100::1", ns=self.host)
        run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", ns=self.mn)
        arguments = json.dumps({"interfaces": ["hx0", "hx1"], "home_agents": [HA1, HA2],
                                "home": HOME})
        agent = self.spawn("/usr/bin/python3", os.path.join(HERE, "mn_home_agent.py"), arguments,
                           ns=self.ha, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.agent, self.events = agent, Lines(agent)
        self.events.wait("the scripted home agent is ready", event="ready")

    def veth(self, ns1, name1, ns2, name2):
        run("ip", "link", "add", name1, "netns", ns1, "type", "veth", "peer", "name", name2,
            "netns", ns2)
        for ns, name in ((ns1, name1), (ns2, name2)):
            if shutil.which("ethtool"):
                run("ethtool", "-K", name, "tx", "off", "gso", "off", "tso", "off", "gro", "off",
                    ns=ns, expect=None)
            run("ip", "link", "set", name, "up", ns=ns)

    def spawn(self, *command, ns, **more):
        process = subprocess.Popen(["ip", "netns", "exec", ns, *command], **more)
        self.processes.append(process)
        return process

    def tell(self, command, **more):
        self.agent.stdin.write(json.dumps({"command": command, **more}).encode() + b"\n")
        self.agent.stdin.flush()
        deadline = time.monotonic() + PATIENCE
        while not any(e["event"] == "done" for e in self.events.events):
            self.events.read(max(0, deadline - time.monotonic()))
            assert time.monotonic() < deadline
        self.events.events = [e for e in self.events.events if e["event"] != "done"]

    def policy(self, **more):
        self.tell("policy", **more)

    def fresh_policy(self, **more):
        self.policy(**{"status": 0, "lifetime": None, "answer": True, "key": None, "flags": None,
                       "sequence": None, "timestamp": None, "refresh": None, "mtu": 65535,
                       "answer_only": None, **more})
        self.events.events.clear()

    def start(self, *options, home_agent=True):
        agent = ("--home-agent", HA1) if home_agent else ()
        self.log = open(os.path.join(self.directory, "log"), "w+")
        self.daemon = self.spawn(self.binary, "--access", "acc0", "--home-address", HOME, *agent,
                                 "--socket", self.socket, *options, ns=self.mn, stderr=self.log,
                                 stdout=subprocess.PIPE)
        until(lambda: self.ctl("status", "summary", expect=None).returncode == 0,
              "the program answers")

    def ctl(self, *words, expect=0):
        return run(self.binary, "ctl", "--socket", self.socket, *words, ns=self.mn, expect=expect)

    def status(self):
        return json.loads(self.ctl("status").stdout.splitlines()[0])

    def summary(self):
        return json.loads(self.ctl("status", "summary").stdout.splitlines()[-1])

    def registered(self, what="registered", **wanted):
        def there():
            status = self.status()
            return status["state"] == "registered" and status["settled"] and all(
                status.get(k) == v for k, v in wanted.items()) and status
        return until(there, what)

    def stop(self, expect=0):
        self.ctl("stop")
        return self.wait_for_end(expect)

    def wait_for_end(self, expect=0):
        output, _ = self.daemon.communicate(timeout=PATIENCE)
        check(self.daemon.returncode == expect, f"ended with {expect}", self.daemon.returncode)
        self.daemon = None
        return output.decode()

    def ping(self, *options, to=CORRESPONDENT, ns=None, expect=0):
        return run("ping", "-6", "-c1", "-W3", *options, to, ns=ns or self.mn, expect=expect)

    def kernel_state(self):
        """What the mobile node could leave behind."""
        return {"rules": run("ip", "-6", "rule", ns=self.mn).stdout,
                "table": run("ip", "-6", "route", "show", "table", "6275", ns=self.mn,
                             expect=None).stdout,
                "main": sorted(line for line in run("ip", "-6", "route", ns=self.mn).stdout
                               .splitlines() if "expires" not in line),
                "nft": run("nft", "list", "tables", ns=self.mn).stdout,
                "links": run("ip", "-br", "link", ns=self.mn).stdout.count("mn0"),
                "socket": os.path.exists(self.socket)}

    def no_complaints(self):
        self.events.read(0)
        seen = [e for e in self.events.events if e["event"] in ("complaint", "scapy-differs")]
        check(not seen, "no Parameter Problem, no Unreachable from the mobile node", seen)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for ns in (self.mn, self.ha, self.host):
            run("ip", "netns", "del", ns, expect=None)
        shutil.rmtree(self.directory, ignore_errors=True)
