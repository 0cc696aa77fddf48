"""What the generated pages of files share: keys with meaning, default, example and error."""

import inspect
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

Keys = Mapping[str, tuple[str, str]]
"""For each key of a table an example and a bad value, in TOML; either may be empty."""


def meanings(model: type) -> dict[str, str]:
    """Read what each key means, by the docstrings of a model and those that it is made of."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one.__module__.startswith("pydantic"):
            continue
        text = inspect.cleandoc(one.__doc__ or "")
        section = re.split(r"(?:^|\n)(?:Attributes|Parameters)\n-+\n", text)[1:]
        names: list[str] = []
        for line in re.split(r"\n\n\w+\n-+\n", section[0])[0].splitlines() if section else ():
            if line and not line.startswith(" "):
                names = line.partition(" : ")[0].split(", ")
                found |= dict.fromkeys(names, "")
            else:
                found |= {name: f"{found[name]} {line.strip()}" for name in names}
    texts = {name: " ".join(said.split()).replace("``", "`") for name, said in found.items()}
    return {name: text or f"{name} is not described" for name, text in texts.items()}


def fields(model: type[BaseModel]) -> dict[str, object]:
    """Give the default of each key of a model, `PydanticUndefined` where it is needed."""
    return {
        field.alias or name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }


def page(
    head: str,
    tables: Iterable[tuple[str, type[BaseModel], str, Keys]],
    told: Callable[[str, str, str], str],
) -> str:
    """Write the page of a file.

    Parameters
    ----------
    head : str
        What it begins with.
    tables : iterable of (str, type, str, mapping)
        Title, model, place in the file, and keys.
    told : callable
        Of a place, a key there and its bad value, what that is told.
    """
    parts = [head]
    for title, model, place, keys in tables:
        parts.append(f"\n## {title}\n")
        parts += entries(model, keys, partial(told, place))
    return "".join(parts)


def entries(model: type[BaseModel], keys: Keys, told: Callable[[str, str], str]) -> Iterator[str]:
    """Write a table of a file as a list of definitions.

    Parameters
    ----------
    model : type
    keys : mapping
    told : callable
        Of a key and its bad value, what that is told.
    """
    known, defaults = meanings(model), fields(model)
    for key, (example, bad) in keys.items():
        yield f"\n`{key}` ({_default(defaults[key])})\n: {known.get(key, '')}".rstrip()
        if example:
            yield f" Example: `{key} = {example}`."
        if bad:
            yield f"\n\n  `{key} = {bad}` is told: {told(key, bad)}"
        yield "\n"


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "needed"
    plain = value in (None, "", (), {}) or isinstance(value, BaseModel)
    shown = str(value).lower() if isinstance(value, bool) else value
    if isinstance(value, str) and not value.isprintable():
        shown = f"`{value!r}`"
    return f"default {'none' if plain else shown}"


def refusal(
    base: str,
    place: str,
    key: str,
    bad: str,
    load: Callable[[Path], object],
    error: type[Exception],
) -> str:
    """Give what a bad value is told.

    Parameters
    ----------
    base : str
        The file that it is put into, in TOML.
    place : str
        The table that it is put into, such as ``peaks.0``; made if it is not there.
    key, bad : str
        In TOML.
    load : callable
        What reads a file.
    error : type
        What it raises.
    """
    data = tomllib.loads(base)
    table: Any = data
    for part in filter(None, place.split(".")):
        table = table[int(part)] if part.isdecimal() else table.setdefault(part, {})
    table[key] = tomllib.loads(f"x = {bad}")["x"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.toml")
        path.write_text(tomli_w.dumps(data), "utf-8")
        try:
            load(path)
        except error as wrong:
            return str(wrong).splitlines()[0].removeprefix(f"{path}: ")
    raise AssertionError(f"{place}.{key} = {bad} is not refused")
