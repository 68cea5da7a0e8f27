"""Wall clocks of replicas, each by itself: the library of `tests/src/processes/wall_clock.rs`, preloaded."""

import os
import struct
import subprocess

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../src/processes/wall_clock.rs")


class Clock:
    """Clocks that a file each sets."""

    def __init__(self, folder):
        self.folder, self.library = folder, f"{folder}/libwall_clock.so"
        compiler = os.environ.get("RUSTC", "rustc")
        subprocess.run([compiler, "--edition", "2024", "--crate-type", "cdylib", "-O", "-o", self.library, SOURCE],
                       check=True, capture_output=True)

    def _file(self, replica):
        return f"{self.folder}/clock-{replica}"

    def environment(self, replica):
        if not os.path.exists(self._file(replica)):
            with open(self._file(replica), "wb") as setting:
                setting.write(bytes(9))
        return {"LD_PRELOAD": self.library, "QUORATE_TESTS_WALL_CLOCK": self._file(replica)}

    def set(self, replica, ahead_ms):
        with open(self._file(replica), "r+b") as setting:
            setting.write(struct.pack("<q", ahead_ms))
