"""Uploaded files on disk, under a name that follows from their content and cannot be guessed; no Streamlit in here."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path

from dnis.files import write_whole
from dnis.ui.expiry import UPLOADS

ENDINGS = (".csv", ".csv.gz", ".parquet", ".tsv")

_KEY = ".upload-key"
_KEY_BYTES = 32


def keep(folder: Path, name: str, content: bytes) -> Path:
    """Store a file, so that the same file again is the same data.

    Its folder's name is a keyed hash of 128 bits of the content: who knows the content, but not this server's key, can
    neither name the file nor find out whether somebody has uploaded it.

    Args:
        folder: The runs folder.
        name: The file's name at the visitor; letters, digits and the ending are kept.
        content: Its bytes.

    Returns:
        Where it lies.
    """
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(e)), ".csv")
    stem = re.sub(r"\W+", "-", name[: -len(ending)] if name.lower().endswith(ending) else name).strip("-")[:40]
    digest = hmac.digest(_key(folder), content, "sha256").hex()[:32]
    path = folder / UPLOADS / digest / f"{stem or 'data'}{ending}"
    if not path.exists():
        (folder / UPLOADS).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, content)
    return path


def _key(folder: Path) -> bytes:
    """This server's key, made once; whoever comes second reads what the first has written."""
    path = folder / _KEY
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{_KEY}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.write(secrets.token_bytes(_KEY_BYTES))
        try:
            path.hardlink_to(draft)  # fails where another was quicker, and never shows half a key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
