"""Documents as lines of JSON that lose nothing: what is read equals what was emitted.

Values that plain JSON cannot say are tagged objects (``$float``, ``$array``, ``$tuple`` ...), types
included; numbers stay readable in the file. Each line ends in the CRC-32 of what it would be
without it, ``{..., "crc": "1a2b3c4d"}``: one that has changed on the disk is never believed.
"""

import base64
import codecs
import io
import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Document = dict[str, Any]

_PARTS = {"journal": int, "name": str, "doc": dict, "filed": str, "refused": str}

_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}\Z')


class JournalError(ValueError):
    """A journal that cannot be read: of a later format, or without a document."""


class DamagedLine(ValueError):  # noqa: N818 - says what is, as KeyError does not
    """A line that is not what was written."""


def _encode(value: Any, losses: list[str]) -> Any:
    """Say `value` in JSON; what only keeps its text is named in `losses`."""
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, np.ndarray):
        return _encode_array(value, losses)
    if isinstance(value, np.generic):  # before float: np.float64 is one
        return {"$scalar": _encode_array(np.asarray(value), losses)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, str):  # a StrEnum's member says its value
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, list):
        return [_encode(item, losses) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_encode(item, losses) for item in value]}
    if isinstance(value, Mapping):
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _encode(item, losses) for key, item in value.items()}
        return {"$dict": [[_encode(k, losses), _encode(v, losses)] for k, v in value.items()]}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    losses.append(f"{type(value).__name__} {value!r:.60}")
    return repr(value)


def _encode_array(array: np.ndarray[Any, Any], losses: list[str]) -> dict[str, Any]:
    """Write numbers as readable lists, objects one by one, the rest as the bytes of an npy file."""
    if type(array) is not np.ndarray:
        losses.append(f"the {type(array).__name__} kind of an array (its numbers are kept)")
        array = np.asarray(array)
    shape = list(array.shape)
    if array.dtype.kind == "O":
        return {"$objects": [_encode(item, losses) for item in array.ravel()], "shape": shape}
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return {"$npy": base64.b64encode(buffer.getvalue()).decode()}
    values = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        values = [v if math.isfinite(v) else repr(v) for v in values]
    return {"$array": values, "dtype": array.dtype.str, "shape": shape}


def _decode(item: dict[str, Any]) -> Any:
    """Undo `_encode` for one JSON object, whose parts are decoded already."""
    tag = next(iter(item), "")
    if not tag.startswith("$"):
        return item
    value = item[tag]
    if tag == "$float":
        return float(value)
    if tag == "$array":
        numbers = [float(v) if type(v) is str else v for v in value]
        return np.array(numbers, dtype=item["dtype"]).reshape(item["shape"])
    if tag == "$scalar":
        return value[()]
    if tag == "$tuple":
        return tuple(value)
    if tag == "$dict":
        return dict(value)
    if tag == "$bytes":
        return base64.b64decode(value)
    if tag == "$npy":
        return np.load(io.BytesIO(base64.b64decode(value)), allow_pickle=False)
    if tag == "$objects":
        objects = np.empty(len(value), dtype=object)
        for index, element in enumerate(value):  # not [:] = value, which unpacks nested lists
            objects[index] = element
        return objects.reshape(item["shape"])
    raise JournalError(f"unknown tag {tag!r}; was it written by a later reactune?")


def dumps(name: str, doc: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """Write one document as one line.

    Parameters
    ----------
    name : str
        Kind of document: start, descriptor, event, stop ...
    doc : mapping
        The document as emitted.

    Returns
    -------
    line : bytes
        JSON, ASCII, with its checksum, ended by a newline.
    losses : list of str
        Values of foreign types, kept by their text only.
    """
    losses: list[str] = []
    return seal({"name": name, "doc": _encode(doc, losses)}), losses


def seal(item: Mapping[str, Any]) -> bytes:
    """Write an object of plain JSON as a line with its checksum."""
    body = json.dumps(item, allow_nan=False).encode()
    return body[:-1] + b', "crc": "%08x"}\n' % zlib.crc32(body)


def loads(line: bytes) -> dict[str, Any]:
    """Read one line: a document, the header or a mark.

    Returns
    -------
    dict
        With its ``crc``, unless it was written before lines had one.

    Raises
    ------
    DamagedLine
        When the line is not whole, or not what was written.
    JournalError
        When it is, but means nothing here.
    """
    line = line.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")  # an editor may have added these
    found = _CHECKSUM.search(line)
    if found and zlib.crc32(line[: found.start()] + b"}") != int(found[1], 16):
        raise DamagedLine("its checksum is another")
    try:
        item = json.loads(line, object_hook=_decode)
    except JournalError as error:
        if found:
            raise
        raise DamagedLine(str(error)) from error
    except Exception as error:  # of JSON, int, base64 or numpy: each has its own
        raise DamagedLine(f"{type(error).__name__}: {error}") from error
    if not isinstance(item, dict):
        raise DamagedLine(f"a line is an object, not {line[:60]!r}")
    if not all(isinstance(item.get(key, kind()), kind) for key, kind in _PARTS.items()):
        raise DamagedLine(f"{line[:60]!r} is no document, header or mark")
    if "crc" in item and not found:
        raise DamagedLine("its checksum is none")
    return item
