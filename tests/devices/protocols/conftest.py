"""A peer, and a transport to it."""

import pytest

from reactune.devices.protocols.transport import Transport
from tests.devices.protocols.peer import Peer


@pytest.fixture
def peer(line, tmp_path):
    return Peer(line, tmp_path)


@pytest.fixture
def port(peer):
    port = Transport(peer.url, timeout=0.2)  # a busy machine is late itself
    yield port
    port.close()
