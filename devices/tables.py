"""What every table of a rig, method or reaction file has in common."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from .written import check_text, quoted

Positive = Annotated[float, Field(gt=0)]
Text = Annotated[str, AfterValidator(check_text)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]  # of columns: 63
Range = tuple[float, float]


def paired(stated: Any) -> Any:
    """Read a table that is stored as pairs; see `storable`."""
    if isinstance(stated, list) and all(isinstance(p, list) and len(p) == 2 for p in stated):
        return {key: value for key, value in stated if isinstance(key, str)}
    return stated


def storable(plain: Any) -> Any:
    """Turn tables whose keys have a ``.`` or ``/``, as no key of a document may, into pairs."""
    if isinstance(plain, dict):
        found = {key: storable(value) for key, value in plain.items()}
        wrong = any(sign in key for key in found for sign in "./")
        return [[key, value] for key, value in found.items()] if wrong else found
    return [storable(one) for one in plain] if isinstance(plain, list | tuple) else plain


Paired = BeforeValidator(paired)
"""Of a table whose keys are words of the user's."""


class Table(BaseModel):
    """A table of a rig file: nothing unknown, nothing infinite, and it does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if (wrong := _for_a_number(kind, value)) is not None:
            raise ValueError(f"{quoted(wrong)} is no number: write one")
        return value


def _for_a_number(kind: Any, value: Any) -> bool | None:
    """Give a true or false that stands for a number, on its own or in a list or table of them."""
    if get_origin(kind) is Annotated:
        return _for_a_number(get_args(kind)[0], value)
    inner = [one for one in get_args(kind) if one not in (type(None), ...)]
    if isinstance(value, Mapping | list | tuple) and get_origin(kind) in (dict, tuple):
        among = value.values() if isinstance(value, Mapping) else value
        return next((b for one in among if (b := _for_a_number(inner[-1], one)) is not None), None)
    if len(inner) == 1 and get_origin(kind) in (Union, UnionType):  # or None
        return _for_a_number(inner[0], value)
    return value if isinstance(value, bool) and kind in (int, float) else None
