"""The emulated heater controller, byte by byte."""

from tests.devices.emulation.lines import Lab, Line


def crc(frame: bytes) -> bytes:
    """Bit by bit, unlike the emulator's."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 * (value & 1))
    return frame + value.to_bytes(2, "little")


class Heater:
    def __init__(self, line: Line):
        self.line = line

    def read(self, register: int, count: int = 1, function: int = 3) -> list[int]:
        request = crc(bytes([1, function, *register.to_bytes(2), *count.to_bytes(2)]))
        answer = self.line.ask(request, 5 + 2 * count)
        assert answer == crc(answer[:-2])
        assert answer[:3] == bytes([1, function, 2 * count])
        return [int.from_bytes(answer[i : i + 2], signed=True) for i in range(3, 3 + 2 * count, 2)]

    def write(self, register: int, value: int) -> int:
        """Exception code, 0 if all is well."""
        request = crc(bytes([1, 6, *register.to_bytes(2), *value.to_bytes(2, signed=True)]))
        self.line.write(request)
        answer = self.line.read()
        if answer[1] == 0x86:
            assert answer == crc(answer[:3])
            return answer[2]
        assert answer == request
        return 0


def test_heater_fixtures(lab: Lab) -> None:
    line = lab.line("heater")
    assert line.ask(bytes.fromhex("01 03 00 01 00 02 95 CB"), 9) == crc(
        bytes.fromhex("01 03 04 00 DC 00 FA")
    )  # 22.0 and 25.0 degC
    echo = bytes.fromhex("01 06 00 1A 03 52 29 00")
    assert line.ask(echo, 8) == echo
    many = bytes.fromhex("01 10 00 02 00 01 02 03 52 26 BF")
    assert line.ask(many, 8) == crc(many[:6])
    assert Heater(line).read(2) == [850]
    assert Heater(line).read(24, 3) == [850, 250, 850]


def test_heater_heats(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    assert heater.write(2, 1205) == 0
    assert heater.read(1, 5) == [220, 1205, 0, 1000, 1205]
    lab.wait(30)
    assert heater.read(1, 5, function=4) == [1205, 1205, 0, 492, 1205]
    assert heater.write(273, 2) == 0  # off
    assert heater.read(4) == [0]
    assert heater.read(75) == [1 << 4]
    lab.wait(120)
    assert heater.read(1) == [220]
    assert heater.write(273, 0) == 0
    lab.wait(30)
    assert heater.read(1) == [1205]


def test_heater_modes(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    assert heater.write(26, 900) == 0
    assert heater.read(5) == [250]  # not selected yet
    assert heater.write(276, 1) == 0
    assert heater.read(5) == [900]
    assert heater.write(276, 0) == 0
    assert heater.write(25, 700) == 0
    assert heater.write(15, 1) == 0  # second setpoint
    assert heater.read(2) == [700]
    assert heater.write(2, 710) == 0
    assert heater.read(24, 2) == [250, 710]
    assert heater.write(3, 300) == 0
    assert heater.write(273, 1) == 0  # manual, 30 %
    lab.wait(60)
    assert heater.read(1) == [820]


def test_heater_refuses(lab: Lab) -> None:
    line = lab.line("heater")
    heater = Heater(line)
    assert heater.write(2, 2001) == 3  # above the setpoint limit
    assert heater.write(2, -10) == 3
    assert heater.write(111, 1500) == 0
    assert heater.write(2, 1501) == 3
    assert heater.write(2, 1500) == 0
    assert heater.write(1, 500) == 2  # read-only
    assert heater.write(999, 0) == 2
    assert line.ask(crc(bytes.fromhex("01 03 00 01 00 07")), 5) == crc(b"\x01\x83\x02")
    assert line.ask(crc(bytes.fromhex("01 03 00 01 00 00")), 5) == crc(b"\x01\x83\x03")
    assert line.ask(crc(bytes.fromhex("01 2B 0E 01 00")), 5) == crc(b"\x01\xab\x01")
    # Of several registers with one bad value, none is written.
    both = crc(bytes.fromhex("01 10 00 18 00 02 04 03 E8 7F FF"))
    assert line.ask(both, 5) == crc(b"\x01\x90\x03")
    assert heater.read(24) == [1500]


def test_heater_ignores_what_is_not_for_it(lab: Lab) -> None:
    line = lab.line("heater")
    heater = Heater(line)
    assert line.silent(crc(bytes.fromhex("02 03 00 01 00 01")))
    assert line.silent(bytes.fromhex("01 03 00 01 00 02 95 CC"))  # wrong CRC
    assert heater.read(1) == [220]  # in step again
    assert line.silent(crc(bytes.fromhex("00 06 00 02 02 58")))  # to all: done, not answered
    assert heater.read(2) == [600]
    assert line.silent(bytes.fromhex("01 03 00"))  # a frame that never ends
    assert heater.read(2) == [600]
    frame = crc(bytes.fromhex("01 03 00 02 00 01"))
    line.write(frame[:3])
    assert line.ask(frame[3:], 7) == crc(bytes.fromhex("01 03 02 02 58"))


def test_heater_faults(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    heater.write(2, 1500)
    lab.wait(20)
    assert heater.read(75) == [0]
    lab.world.run_away(1.0)
    lab.wait(2)
    assert heater.read(1) == [2700]
    assert heater.read(75) == [1]  # alarm 1
    lab.wait(2)
    assert heater.read(75) == [1 | 1 << 10]
    lab.world.break_sensor()
    assert heater.read(1) == [-0x8000]
    assert heater.read(75) == [1 << 5]
    assert heater.read(4) == [0]
