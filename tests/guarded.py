"""The guard, measured: does it raise a false alarm, and how soon is the rig safe?

    python -m tests.guarded [--seconds N] [--busy N]

A process that moves emulated instruments, which are hardware to it, runs beside busy ones: nothing
may happen to it. Then it is killed, and four more, and the time until nothing flows, the heater is
at its safe setpoint and the valve in load is printed, as the emulated world has it.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.plans.test_guard import PROMPT, child, hardware, moving, safe, until

KILLS = 5


def watch(seconds: float) -> float:
    """Leave a process in peace for some seconds, then kill it; return how soon the rig is safe."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with hardware(folder) as (world, file), child(file, folder, silence=15.0) as process:
            until(lambda: moving(world))
            threading.Event().wait(seconds)
            assert process.poll() is None, "a false alarm ended it"
            os.kill(process.pid, signal.SIGKILL)
            took = until(lambda: safe(world))
            until((folder / "guard.log").exists)
            return took


def main() -> int:
    """Measure; exit 1 if it takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.guarded", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=240.0, metavar="N", help="[%(default)s]")
    parser.add_argument("--busy", type=int, default=4, metavar="N", help="processes [%(default)s]")
    a = parser.parse_args()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(a.busy)]
    try:
        times = [watch(a.seconds)]
        print(f"no false alarm in {a.seconds:g} s beside {a.busy} busy processes")
        times += [watch(0.0) for _ in range(KILLS - 1)]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    print("safe after kill -9 [s]:", ", ".join(f"{took:.2f}" for took in times))
    return int(max(times) > PROMPT)


if __name__ == "__main__":
    sys.exit(main())
