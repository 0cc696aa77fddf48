"""Our TOML files: found by name or path, and what is wrong in them told in a sentence each."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .tables import Table
from .written import UnreadableError, parse_toml, quoted, read_text, wanted

_Model = TypeVar("_Model", bound=Table)
_MOST_KEYS = 16  # that are listed


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
    context: Mapping[str, Any] | None = None,
) -> _Model:
    """Check what a file says; `whose` puts its name before the sentence on a key.

    The context, such as the folder that it is in, is what validators of the model know of it.
    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as wrong:
        errors = wrong.errors()
        # a list is no shorter for what is wrong in it
        own = [e for e in errors if e["type"] != "too_short" or not _within(e["loc"], errors)]
        said = [sentence(e, kind, model) for e in own]
        raise error("\n".join(whose(line) for text in said for line in text.split("\n"))) from wrong


def _within(loc: Sequence[str | int], errors: Sequence[Any]) -> bool:
    """Say whether anything is wrong farther in than this."""
    return any(len(e["loc"]) > len(loc) and e["loc"][: len(loc)] == loc for e in errors)


def sentence(error: Any, kind: str, model: type[BaseModel] | None = None) -> str:
    """One clear sentence from one pydantic error; `model` is that of the file, if it is known."""
    loc = error["loc"]
    key = _place(loc)
    value = quoted(error["input"])
    match error["type"]:
        case "missing" if isinstance(loc[-1], int):  # in a list of so many
            return f"{_place(loc[:-1])} = {value} is too short: add what comes after it"
        case "missing":
            return f"{key} is missing: add it"
        case "extra_forbidden":
            known = sorted(_keys(model, loc[:-1])) or sorted(_known_keys())
            near = get_close_matches(str(loc[-1]), known, 1)
            cure = "delete it or correct its spelling"
            if near:
                cure = f"did you mean {near[0]!r}?"
            elif len(known) <= _MOST_KEYS:
                cure += f"; here may be {', '.join(known)}"
            return f"{key} = {value} is no key of a {kind} file: {cure}"
        case "value_error":  # our own validators, whole sentences already
            own = str(error["ctx"]["error"]).split("\n")
            return "\n".join(f"{key}: {line}" if key else line for line in own)
    if loc[-1:] == ("[key]",):
        return f"{_place(loc[:-2])}: {value} cannot be used: call it {wanted(error)}"
    return f"{key} = {value} cannot be used: write {wanted(error)}"


def _place(loc: Sequence[str | int]) -> str:
    """Write where something stands, what is in a list counted from 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in loc)


def _keys(model: Any, loc: Sequence[str | int]) -> set[str]:
    """Name the keys of the table at a place of a model; none where several may stand."""
    if not loc and isinstance(model, type) and issubclass(model, BaseModel):
        return {field.alias or name for name, field in model.model_fields.items()}
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(loc[0]))
        return _keys(field.annotation, loc[1:]) if field else set()
    inner = [one for one in get_args(model) if one is not type(None)]
    if get_origin(model) in (dict, list, tuple):
        return _keys(inner[-1 if get_origin(model) is dict else 0], loc[1:]) if loc else set()
    if get_origin(model) is Annotated or len(inner) == 1:
        return _keys(inner[0], loc)
    return set()


def _known_keys() -> set[str]:
    """Every key any table of a file has."""
    tables = [Table]
    for one in tables:
        tables += one.__subclasses__()
    return {f.alias or name for one in tables for name, f in one.model_fields.items()}
