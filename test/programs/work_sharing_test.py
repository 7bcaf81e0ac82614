#!/usr/bin/python3
"""Two workers and one receive queue that is never empty.

    work_sharing_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import struct
import unittest

from programs import CONFIGURATION, Workplace

# Of the first net_pcap device: its driver gives it no other.
MAC = bytes.fromhex("027063617000")
# A UDP packet to a home address that nobody has registered.
PACKET = bytes.fromhex(
    "60000000 0018 11 40 3fff0000000000000000000000000001 20010db8000000010000000000000100"
    "1234 1234 0018 0000") + bytes(16)
FRAME = MAC + bytes.fromhex("020000000001 86dd") + PACKET


class WorkSharing(Workplace):
    def start(self, sharing):
        capture = self.directory / "in.pcap"
        capture.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
                            (struct.pack("<IIII", 0, 0, len(FRAME), len(FRAME)) + FRAME) * 64)
        return self.start_daemon(
            f"--work-sharing={sharing}", configuration=CONFIGURATION.replace("net_null0", "net_pcap0"),
            eal=self.eal(f"--vdev=net_pcap0,rx_pcap={capture},infinite_rx=1", count=3))

    def workers(self):
        telemetry = self.telemetry()
        try:
            return telemetry.rows("workers")
        finally:
            telemetry.close()

    def test_the_one_without_a_queue_helps(self):
        process = self.start("yes")
        self.wait_for("help", lambda: self.workers()[1]["helped"] >= 10_000, process)
        owner, helper = self.workers()
        self.assertEqual((owner["queues"], helper["queues"]), ("wan:0", ""))
        self.assertEqual(owner["helped"], 0)
        self.assertGreater(owner["received"], 0)
        self.assertGreater(helper["received"], 0)
        self.assertLessEqual(helper["received"], helper["helped"])  # it was read first, counted last
        self.assertIn("HELPED", self.ctl("show", "workers").stdout)

    def test_unless_it_is_not_to(self):
        process = self.start("no")
        self.wait_for("packets", lambda: self.workers()[0]["received"] >= 1_000_000, process)
        _, other = self.workers()
        self.assertEqual((other["helped"], other["received"]), (0, 0))


if __name__ == "__main__":
    unittest.main()
