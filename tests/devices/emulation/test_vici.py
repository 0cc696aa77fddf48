"""The emulated valve, byte by byte."""

from reactune.devices.emulation.variants import SelectorVariant, ViciVariant
from reactune.devices.emulation.vici import EmulatedVici, EmulatedViciSelector
from tests.devices.emulation.lines import Lab


def test_valve(lab: Lab) -> None:
    line = lab.line("valve")
    assert line.ask(b"CP\r", b"\r") == b"CPA\r"
    assert line.ask(b"GOB\r", b"\r") == b"CPB\r"  # as it is set from the start
    assert line.silent(b"IFM0\r")
    assert line.ask(b"IFM\r", b"\r") == b"IFM0\r"
    for command, letter in ((b"GOA", b"A"), (b"CC", b"B"), (b"CW", b"A"), (b"TO", b"B")):
        line.write(command + b"\r")
        assert line.ask(b"CP\r", b"\r") == b"CP" + letter + b"\r"
        assert lab.world.position == ("load" if letter == b"A" else "inject")
    line.write(b"GOB\r")  # there already
    assert lab.world.injections == 3
    assert line.ask(b"CNT\r", b"\r") == b"CNT00005\r"
    line.write(b"LG1\r")
    assert line.ask(b"CP\r", b"\r") == b'Position is = "B"\r'
    assert line.ask(b"VR\r", b"\r").startswith(b"I-PD")
    assert line.ask(b"GOX\r", b"\r") == b'"GOX" = Bad command\r'
    assert line.ask(b"IFM7\r", b"\r") == b'"IFM7" = Bad command\r'


def test_valve_with_an_address(lab: Lab) -> None:
    line = lab.line("valve")
    assert line.silent(b"ID3\r")
    assert line.silent(b"CP\r")
    assert line.silent(b"2CP\r")
    assert line.ask(b"3CP\r", b"\r") == b"3CPA\r"
    assert line.ask(b"*CP\r", b"\r") == b"3CPA\r"
    assert line.silent(b"3ID*\r")
    assert line.ask(b"CP\r\n", b"\r") == b"CPA\r"
    assert line.ask(b"CP\r", b"\r") == b"CPA\r"


def test_what_other_software_asks_for(lab: Lab) -> None:
    line = lab.line("valve")
    for query, answer in (
        (b"AM", b"AM1"),
        (b"DT", b"DT0000"),
        (b"NP", b"NP0006"),
        (b"SM", b"SMA"),
        (b"DEL", b"DEL1"),
    ):
        assert line.ask(query + b"\r", b"\r") == answer + b"\r"
    assert line.silent(b"DT250\r")
    assert line.ask(b"DT\r", b"\r") == b"DT0250\r"
    assert b"GO" in line.ask(b"/?\r", b"\r")


def test_an_actuator_that_gives_back_what_it_is_told() -> None:
    world = Lab("pty").world
    valve = EmulatedVici(world, "B", ViciVariant(id="3", long_texts=True, echo=True))
    assert valve.receive(b"3CP\r") == b'3Position is = "B"\r'  # B loads, and it is in load
    assert valve.receive(b"3GOA\r") == b'3GOA\r3Position is = "A"\r'
    assert world.position == "inject"


def test_bytes_that_are_no_letters_are_a_bad_command() -> None:
    valve = EmulatedVici(Lab("pty").world)
    assert valve.receive(b"CP\xff\xb5\r").endswith(b"= Bad command\r")
    assert valve.receive(b"CP\r") == b"CPA\r"


def test_an_actuator_of_many_positions() -> None:
    world = Lab("pty").world
    world.selected["solvent"] = 1
    valve = EmulatedViciSelector(world, "solvent", SelectorVariant(positions=6))
    assert valve.receive(b"AM\rNP\rCP\r") == b"AM3\rNP06\rCP01\r"
    assert valve.receive(b"GO4\r") == b"CP04\r"  # IFM1, as from the factory
    assert valve.receive(b"IFM0\rGO06\r") == b""
    assert world.selected["solvent"] == 6
    for command, there in ((b"GO", 1), (b"CC", 6), (b"CW", 1), (b"CC2", 2), (b"HM", 1)):
        valve.receive(command + b"\r")
        assert valve.receive(b"CP\r") == b"CP%02d\r" % there
    for wrong in (b"GO7", b"GO0", b"GOA", b"TO"):
        assert valve.receive(wrong + b"\r").endswith(b"= Bad command\r")
    assert valve.receive(b"LG1\rCP\r") == b"Position is = 1\r"
    assert world.position == "load"
    assert (
        EmulatedViciSelector(world, "solvent", SelectorVariant(mode="1"))
        .receive(b"AM\rGOB\r")
        .startswith(b"AM1\r")
    )
    assert world.position == "load"
