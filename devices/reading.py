"""Our TOML files: found by name or path, and what is wrong in them told in a sentence each."""

import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from .specs import Table
from .written import UnreadableError, parse_toml, quoted, read_text

_Model = TypeVar("_Model", bound=Table)


class SpecError(ValueError):
    """A file of ours cannot be used; the text names key, value and cure."""


def text_of(source: str | Path, kind: str, error: type[SpecError], folder: Path = Path()) -> str:
    """Read the text of a file.

    Parameters
    ----------
    source : str or Path
        Name of a built-in one, or path of a TOML file.
    kind : {"rig", "method", "reaction"}
        The built-in ones lie in the folder ``<kind>s`` of this package.
    error : type of SpecError
        Raised if there is no such file, or it is no text.
    folder : Path, optional
        What a path is relative to.
    """
    builtin = files("reactune.devices") / f"{kind}s"
    path = Path(source)
    if path.suffix != ".toml":
        names = sorted(p.name.removesuffix(".toml") for p in builtin.iterdir())
        if str(source) not in names:
            raise error(
                f"there is no built-in {kind} {str(source)!r}; built in: {', '.join(names)}; "
                "a file of your own must end in .toml"
            )
        return (builtin / f"{source}.toml").read_text("utf-8")
    try:
        return read_text(folder / path)
    except OSError as wrong:
        raise error(
            f"{kind} file {path} cannot be read ({wrong.strerror}): check its path"
        ) from wrong
    except UnreadableError as wrong:
        raise error(f"{kind} file {path} {wrong}") from wrong


def table(text: str, origin: str, error: type[SpecError]) -> dict[str, Any]:
    """Read TOML; `origin` begins the sentence of an error."""
    try:
        return parse_toml(text)
    except UnreadableError as wrong:
        raise error(f"{origin} {wrong}") from wrong
    except tomllib.TOMLDecodeError as wrong:
        raise error(f"{origin}: not valid TOML: {wrong}") from wrong


def validated(
    model: type[_Model],
    data: dict[str, Any],
    kind: str,
    error: type[SpecError],
    whose: Callable[[str], str],
    folder: Path = Path(),
) -> _Model:
    """Check what a file in a folder says; `whose` puts its name before the sentence on a key."""
    try:
        return model.model_validate(data, context={"folder": folder})
    except ValidationError as wrong:
        raise error("\n".join(whose(sentence(e, kind)) for e in wrong.errors())) from wrong


def sentence(error: Any, kind: str) -> str:
    """One clear sentence from one pydantic error."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing: add it"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(error["loc"][-1]), _known_keys(), 1)
        cure = f"did you mean {near[0]!r}?" if near else "delete it or correct its spelling"
        return f"{key} = {quoted(error['input'])} is no key of a {kind} file: {cure}"
    if error["type"] == "value_error":  # our own validators, whole sentences already
        return f"{key}: {error['ctx']['error']}" if key else str(error["ctx"]["error"])
    return f"{key} = {quoted(error['input'])} cannot be used: {error['msg']}"


def _known_keys() -> set[str]:
    """Every key any table of a file has."""
    tables = [Table]
    for one in tables:
        tables += one.__subclasses__()
    return {f.alias or name for one in tables for name, f in one.model_fields.items()}
