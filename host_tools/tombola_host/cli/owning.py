"""Commands of an instrument's owner: key new, key show, key sign, pair."""

from __future__ import annotations

from typing import Annotated

import typer
from tombola_device.contract.bundle import bundle_sha256
from tombola_device.contract.errors import BadConfig

from tombola_host.cli.app import (
    DEFAULT_BAUD,
    BaudOption,
    BundleArgument,
    PortOption,
    app,
    chosen_port,
    errors,
    read_bundle,
    say,
    working,
)
from tombola_host.link.flash import pair as ask_to_pair
from tombola_host.link.keys import default_label, key_path, new_key, read_key

key_app = typer.Typer(help="The key that signs what you flash.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(key_app, name="key")


@key_app.command("new")
def key_new() -> None:
    """Make a key. Instruments that you pair with it take bundles from you alone.

    Example:  tombola key new
    """
    path = key_path()
    made = new_key(path)
    say(f"{made.fingerprint} in {path}; keep a copy where nobody else can read it.")


@key_app.command("show")
def key_show() -> None:
    """Show the key's fingerprint, as paired instruments show it, and its public part.

    Example:  tombola key show
    """
    path = key_path()
    key = read_key(path)
    say(f"{key.fingerprint} in {path}", f"public: {key.public.hex()}")


@key_app.command("sign")
def key_sign(bundle: BundleArgument) -> None:
    """Write a bundle's signature beside it, for the page in a browser; `tombola flash` signs by itself.

    Example:  tombola key sign quartet.tombola
    """
    read_bundle(bundle)
    key = read_key(key_path())
    path = bundle.with_name(f"{bundle.name}.sig")
    try:
        path.write_text(f"{key.bundle_signature(bundle_sha256(bundle.read_bytes())).hex()}\n")
    except OSError as error:
        raise BadConfig(f"{path} cannot be written ({error.strerror}); free some space, or move the bundle") from error
    say(f"{path}: signed by {key.fingerprint}. Drop it on the page with the bundle.")


@app.command()
def pair(
    port: PortOption = None,
    label: Annotated[str, typer.Option("--label", help="What the instrument calls this key; at most 32 bytes.")] = "",
    baud: BaudOption = DEFAULT_BAUD,
) -> None:
    """Make an instrument take what you flash. Hold its SHIFT and SAVE before or after; it waits a minute for that.

    Example:  tombola pair
    """
    key = read_key(key_path())
    found = chosen_port(port)
    with working():
        owners = ask_to_pair(found, key, label or default_label(), baud=baud, say=_tell)
    others = f", one of {owners} owners" if owners > 1 else ""
    say(f"Paired: the instrument knows {key.fingerprint}{others}. Compare it with its display.")


def _tell(text: str) -> None:
    errors.print(text, markup=False, soft_wrap=True)
