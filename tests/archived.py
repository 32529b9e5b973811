"""Archives of files, as tests of `zip` and `tar` need them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable

Files = Iterable[tuple[str, bytes]]


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive; names that end with a slash are folders."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as opened:
        for name, content in files:
            opened.writestr(name, content)
    return archive.getvalue()


def tarred(files: Files, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive; names that end with a slash are folders."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=form) as opened:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return archive.getvalue()
