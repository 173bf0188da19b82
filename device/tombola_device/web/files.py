"""The files of a page, read into memory once. A name is looked up, never opened: so no path leads anywhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""Files of other kinds are not served."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its bytes, its type, and a tag that changes with the bytes."""

    content: bytes
    kind: str
    tag: str


def read_files(*folders: Path) -> dict[str, StaticFile]:
    """The files in folders and their sub-folders, by the path under which a browser asks for them.

    ``index.html`` is found as ``/`` too. Of two files with one name the first folder's counts.
    """
    files: dict[str, StaticFile] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = "/" + path.relative_to(folder).as_posix()
            if path.suffix in TYPES and path.is_file() and name not in files:
                content = path.read_bytes()
                tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
                files[name] = StaticFile(content, TYPES[path.suffix], tag)
    if "/index.html" in files:
        files["/"] = files["/index.html"]
    return files
