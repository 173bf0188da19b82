"""Actions and views as JSON: what passes between the instrument and a face in another process, or on another computer.

An action is an object whose ``kind`` is the action's name in small letters: ``{"kind": "set_weight", "mode": 0, …}``.
"""

from __future__ import annotations

import re
from typing import Any, Final, get_args

import msgspec

from tombola_device.contract.errors import BadConfig
from tombola_device.surface.actions import Action
from tombola_device.surface.view import View

_VIEWS: Final = msgspec.json.Decoder(View)
KINDS: Final[dict[str, type[Action]]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in get_args(Action)
}
"""The actions by their names."""
_NAMES: Final = {kind: name for name, kind in KINDS.items()}


def action_of(fields: dict[str, Any]) -> Action:
    """The action in an object.

    Raises:
        BadConfig: There is no such action, or a field is missing, unknown or cannot be.

    >>> action_of({"kind": "morph_by", "amount": 0.25})
    MorphBy(amount=0.25)
    """
    kind = KINDS.get(str(fields.get("kind", "")))
    if kind is None:
        raise BadConfig(f"the instrument does not know the action {str(fields.get('kind'))[:40]!r}; reload the page")
    given = {name: value for name, value in fields.items() if name != "kind"}
    if unknown := given.keys() - kind.__dataclass_fields__.keys():
        raise BadConfig(f"the action has an unknown field {min(unknown)[:40]!r}; reload the page")
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BadConfig(str(error)) from error


def fields_of(action: Action) -> dict[str, Any]:
    """The object of an action.

    >>> from tombola_device.surface.actions import SaveScene
    >>> fields_of(SaveScene(3))
    {'kind': 'save_scene', 'place': 3}
    """
    return {"kind": _NAMES[type(action)], **msgspec.to_builtins(action)}


def view_of(data: bytes) -> View:
    """The view in a line of JSON.

    Raises:
        BadConfig: It is none.
    """
    try:
        return _VIEWS.decode(data)
    except msgspec.DecodeError as error:
        raise BadConfig(f"this is no view of an instrument ({error}); update this program") from error
