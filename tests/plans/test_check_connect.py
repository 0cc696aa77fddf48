"""``reactune check --connect``: who answers, who does not, and what it becomes: a test."""

import socket
import threading
from contextlib import suppress
from importlib.resources import files

import pytest
import tomli_w

from reactune.devices import load
from reactune.devices.opening import emulated
from reactune.devices.protocols.eurotherm import Eurotherm
from reactune.devices.protocols.harvard11 import Harvard11
from reactune.devices.protocols.scpi import ScpiVoltmeter
from reactune.devices.protocols.vici import ViciValve
from reactune.plans.cli import main
from tests.devices.protocols.transcript import recorded


@pytest.fixture(params=["pty", "tcp"])
def rig(request, tmp_path):
    """A rig file whose ports are those of emulated instruments, as it would be of hardware."""
    with emulated(load("walker"), request.param) as served:
        yield served, tmp_path / "rig.toml"


def written(rig, file):
    file.write_text(tomli_w.dumps(rig.model_dump(mode="json", by_alias=True, exclude_none=True)))
    return str(file)


def test_what_is_recorded_is_played_back_to_the_drivers(rig, tmp_path, capsys):
    record = tmp_path / "greeting.jsonl"
    assert main(["check", "--rig", written(*rig), "--connect", "--record", str(record)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("SIMULATED")
    for words in ("streams.c60", "11 ELITE", "setpoint 25 degC", "position A (load)", "34401A"):
        assert words in out
    pump = Harvard11(recorded(record, "streams.sultine"), 1)
    assert pump.connect().name in out
    assert pump.status().state == "idle"
    heater = Eurotherm(recorded(record, "heater"), 1)
    assert heater.connect().facts["decimals"] in out
    assert heater.read().setpoint == 25.0
    heater.check((25.0, 150.0), 165.0, 25.0)
    valve = ViciValve(recorded(record, "valve"))
    valve.connect()
    assert valve.position() == "A"
    meter = ScpiVoltmeter(recorded(record, "detector"), 10.0)
    assert meter.connect().name in out
    assert meter.read() == pytest.approx(10.48, abs=0.1)


def test_one_that_is_not_there_keeps_no_other_from_answering(rig, capsys):
    served, file = rig
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"socket://127.0.0.1:{server.getsockname()[1]}"
    ports = served.transports
    ports = ports | {"heater": ports["heater"].model_copy(update={"url": nobody})}
    wrong = served.model_copy(update={"transports": ports})
    assert main(["check", "--rig", written(wrong, file), "--connect"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("Rig file")) <= 80
    at = lines.index("heater, eurotherm3216: 0 requests")
    assert lines[at + 1].startswith("  NO  ")
    assert "check cable" in " ".join(lines[at + 1 : at + 5])
    assert sum(line.startswith("  NO  ") for line in lines) == 1
    assert lines[-1] == "4 of 5 answered as they should; not so: heater"


def test_an_emulated_rig_says_so_and_a_problem_is_checked_with_it(capsys):
    assert main(["check", "walker-ii", "--connect"]) == 0
    out = capsys.readouterr().out
    assert "Fits the rig" in out
    assert "SIMULATED" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a PROBLEM, or --connect"),
        (["--record", "x.jsonl"], "give --connect, too"),
        (["walker-ii", "--record", "x.jsonl"], "give --connect, too"),
    ],
)
def test_what_makes_no_sense_is_the_users(arguments, sentence, capsys):
    assert main(["check", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("banner", [b"", b"400 what?\r\n"])
def test_another_program_on_the_port_is_thought_of(rig, capsys, banner):
    served, file = rig
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls = []

        def accept():
            with suppress(OSError):  # closed
                while True:
                    calls.append(server.accept()[0])
                    calls[-1].recv(1)
                    calls[-1].sendall(banner)

        threading.Thread(target=accept, daemon=True).start()
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        valve = served.transports["valve"].model_copy(update={"url": url, "timeout": 0.3})
        wrong = served.model_copy(update={"transports": served.transports | {"valve": valve}})
        assert main(["check", "--rig", written(wrong, file), "--connect"]) == 1
    for call in calls:
        call.close()
    said = " ".join(capsys.readouterr().out.split())
    assert "something accepts connections there" in said
    assert "check host and port, what else listens on it, and the protocol" in said
    assert ("400 what?" in said) == bool(banner)
    assert said.count("something accepts") == 1  # the others have answered


@pytest.mark.parametrize(
    "arguments", [["check", "--connect", "--record"], ["emulate", "--write"]], ids=lambda a: a[0]
)
def test_a_rig_file_is_not_written_over(tmp_path, capsys, arguments):
    rig = tmp_path / "rig.toml"
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    rig.write_text(text, "utf-8")
    assert main([*arguments, str(rig), "--rig", str(rig)]) == 2
    assert f"{rig} is there already, and is something else" in capsys.readouterr().err
    assert rig.read_text("utf-8") == text
