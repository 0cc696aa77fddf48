"""The far end of a line, for tests of what is sent and read."""

import os
import socket
import threading
import tty

from reactune.devices.protocols.framing import ends_with
from reactune.devices.protocols.transport import GarbledError

LF = ends_with(b"\n")


class Peer:
    """The far end of a port: answers each request with the next pieces of its script."""

    def __init__(self, line, folder=None):
        self.requests, self.script = [], []
        self._line = line
        if line == "pty":
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            self.url = os.ttyname(self._slave)
            if folder:  # a name of its own, since its number is soon another terminal's
                os.symlink(self.url, folder / "port")
                self.url = str(folder / "port")
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        if self._line == "pty":
            self._talk(lambda: os.read(self._master, 100), lambda b: os.write(self._master, b))
            return
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client = client
                self._talk(lambda: client.recv(100), client.sendall)  # noqa: B023

    def _talk(self, read, write):
        while True:
            try:
                request = read()
            except OSError:
                return
            if not request or request == b"\0":
                return
            self.requests.append(request)
            for piece in self.script.pop(0) if self.script else [b"ok\n"]:
                if isinstance(piece, float):
                    threading.Event().wait(piece)
                    continue
                try:
                    write(piece)
                except OSError:  # the other end has gone
                    return

    def unplug(self):
        if self._line == "pty":
            os.write(self._slave, b"\0")
            self._thread.join()
            if os.path.islink(self.url):
                os.unlink(self.url)
            os.close(self._master)
            os.close(self._slave)
        else:
            self._client.shutdown(socket.SHUT_RDWR)


def ask(port, text=b"?\n", repeat=True, framing=LF):
    def parse(reply):
        if b"!" in reply:
            raise GarbledError(f"{reply!r} has a mark")
        return reply

    return port.exchange(text, framing, parse, repeat=repeat)
