"""A Tiled server: its address, the key that opens it, and whether it can be worked with.

The key is read when it is needed and kept nowhere: not in an address, a document, a message, a log.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from .store import Unreachable

if TYPE_CHECKING:
    import httpx

KEY = "TILED_API_KEY"
"""The environment variable that holds the key of the server; Tiled's own."""

KEY_FILE = "TILED_API_KEY_FILE"
"""The environment variable that names a file with the key in it."""

_PATIENCE = 10.0  # s that a server has to answer
_API = re.compile(r"(?P<base>.*?)(/api(/v1)?(/metadata(?P<node>/.*)?)?|/ui(/.*)?)?/?", re.DOTALL)
_NO_KEY = "put it into $TILED_API_KEY, or into a file that $TILED_API_KEY_FILE names"


class NoCatalogue(ValueError):  # noqa: N818 - says what is, as KeyError does not
    """What was given for a catalogue is neither a folder nor a server; the text is a sentence."""


class ServerTrouble(Unreachable):
    """A server is no Tiled, has no runs or does not take the key; the text is a sentence."""


@dataclass(frozen=True)
class Server:
    """A catalogue of runs in a Tiled server.

    Attributes
    ----------
    base : str
        Address of the server, without its API's path.
    node : str
        Path of the catalogue in it, such as ``/raw``; empty for the whole server.
    """

    base: str
    node: str = ""

    @classmethod
    def at(cls, url: str) -> "Server":
        """Read an address: of the server, of its page, or of a container in its API.

        Raises
        ------
        NoCatalogue
            If it is none, or holds a name, a password or a key.
        """
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or re.search(r"[\s\\]", url):
            raise NoCatalogue(f"A catalogue's address is http://HOST:PORT, not {_masked(url)}.")
        place = f"{parts.scheme.lower()}://{f'[{host}]' if ':' in host else host}"
        if port not in (None, {"http": 80, "https": 443}[parts.scheme.lower()]):
            place += f":{port}"
        if parts.username is not None or parts.query or parts.fragment:
            raise NoCatalogue(
                f"The address of the catalogue at {place} ends with its path: a key does not "
                f"belong into it; {_NO_KEY}."
            )
        found = _API.fullmatch(parts.path)
        assert found  # it matches everything
        return cls(place + found["base"], (found["node"] or "").rstrip("/"))

    def __str__(self) -> str:
        return f"{self.base}/api/v1/metadata{self.node}" if self.node else self.base

    def api(self, route: str) -> str:
        """Address of the catalogue in a route of the API: ``metadata``, ``search``."""
        return f"{self.base}/api/v1/{route}{self.node or '/'}"

    def check(self, *, writing: bool = False) -> None:
        """See that there is a catalogue of runs that can be read, or written.

        Raises
        ------
        Unreachable
            When nothing answers.
        ServerTrouble
            When what answers is no Tiled, keeps no runs, or does not take the key.
        """
        with self._connected() as http:
            about = _json(http.get(f"{self.base}/api/v1/"))
            if "library_version" not in about:
                raise ServerTrouble(f"What answers at {self.base} is no Tiled server.")
            root = http.get(self.api("metadata"))
            self._check_key(root.status_code, "read")
            if root.status_code == HTTPStatus.NOT_FOUND:
                raise ServerTrouble(f"The Tiled server {self.base} has no {self.node}.")
            specs = _json(root).get("data", {}).get("attributes", {}).get("specs") or ()
            if "CatalogOfBlueskyRuns" not in {spec.get("name") for spec in specs}:
                raise ServerTrouble(
                    f"The Tiled server {self} is not set up as a catalogue of runs (it lacks the "
                    f"spec CatalogOfBlueskyRuns): reactune serve catalogue sets one up."
                )
            if "application/json-seq" not in about.get("formats", {}).get("BlueskyRun", ()):
                raise ServerTrouble(
                    f"The Tiled server {self.base} does not give runs back as documents (it lacks "
                    f"the exporter application/json-seq): reactune serve catalogue sets it."
                )
            if writing:  # nothing can come of it but whether it is allowed
                answer = http.post(f"{self.api('metadata').rstrip('/')}/{uuid4()}", json={})
                self._check_key(answer.status_code, "write")

    def reach(self) -> None:
        """See that something answers.

        Raises
        ------
        Unreachable
            When not.
        """
        with self._connected() as http:
            http.get(f"{self.base}/api/v1/")

    @contextlib.contextmanager
    def _connected(self) -> "Iterator[httpx.Client]":
        import httpx

        headers = {"Accept": "application/json"}
        if key := api_key():
            headers["Authorization"] = f"Apikey {key}"
        try:
            with httpx.Client(headers=headers, timeout=_PATIENCE, follow_redirects=True) as http:
                yield http
        except httpx.InvalidURL as error:
            raise NoCatalogue(f"{self.base} is no address ({error}).") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"The server {self.base} does not answer ({why}).") from error

    def _check_key(self, status: int, verb: str) -> None:
        """Say what a refusal is about."""
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return
        if not api_key():
            raise ServerTrouble(f"The Tiled server {self.base} wants a key to {verb}: {_NO_KEY}.")
        raise ServerTrouble(
            f"The Tiled server {self.base} does not let the key in {_key_source()} {verb}."
        )


def api_key() -> str | None:
    """Give the key: $TILED_API_KEY, else what is in the file that $TILED_API_KEY_FILE names.

    Raises
    ------
    ServerTrouble
        If the file cannot be read, or what is there is no key.
    """
    key = os.environ.get(KEY, "").strip()
    file = os.environ.get(KEY_FILE, "").strip()
    if not key and file:
        try:
            key = Path(file).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ServerTrouble(f"The key in ${KEY_FILE}, {file}, is not read: {why}.") from None
        if not key:
            raise ServerTrouble(f"The file in ${KEY_FILE}, {file}, is empty: it holds no key.")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ServerTrouble(f"What is in {_key_source()} is no key: a key is one word.")
    return key or None


def _key_source() -> str:
    return f"${KEY}" if os.environ.get(KEY, "").strip() else f"the file of ${KEY_FILE}"


def _masked(url: str) -> str:
    """Give what can be shown of an address that is none: it may hold a password."""
    return re.sub(r"//.*@", "//***@", url.partition("?")[0])


def _json(answer: "httpx.Response") -> dict[str, Any]:
    """Give what was answered, if it is an object of JSON; else an empty one."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
