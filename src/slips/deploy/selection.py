"""Selects the user's files for the package, by patterns of the config and by names that look like secrets.

Patterns are globs relative to the directory of each handler. A pattern without `/` matches names at any depth; a
pattern that matches a directory matches all files below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase, translate
from pathlib import Path

SECRETS = (
    # keys, certificates, passwords
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx", "*.ppk", "*.jks"),
    *("*.keystore", "*.kdbx", "credentials*", ".netrc", "_netrc", ".pgpass", ".htpasswd", "secrets.*", "*.env"),
    *(".env.*", "*.tfstate", "*.tfstate.*", "*.tfvars"),
    # databases
    *("*.db", "*.db-*", "*.db3", "*.sqlite*", "*.mdb", "*.dump"),
    # leftovers of editors
    *("*~", "*.swp", "*.swo", ".#*", "#*#", "*.bak", "*.orig"),
)
"""Names that are left out unless `handler.include` names them, in upper or lower case. Never those of `.py` files."""
_LOOKS_SECRET = re.compile("|".join(map(translate, SECRETS)), re.IGNORECASE)


class FileFilter:
    """Decides which files around one handler are packed, and lists those left out because they look like secrets."""

    def __init__(self, directory: Path, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._directory, self._include, self._exclude = directory, include, exclude
        self.left_out: set[Path] = set()
        """Files that look like secrets."""
        self.included: set[Path] = set()
        """Files that the config includes."""

    def takes(self, path: Path, *, hidden: bool) -> bool:
        """Whether a file or directory may be packed. A `hidden` one only if the config includes it by name."""
        relative = Path(os.path.relpath(path, self._directory)).as_posix()
        if _fits(relative, self._exclude):
            return False
        if path.is_dir():
            return not hidden
        if _fits(relative, self._include):
            self.included.add(path)
            return True
        if looks_secret(path.name):
            self.left_out.add(path)
            return False
        return not hidden


def looks_secret(name: str) -> bool:
    """Whether a file of this name looks like a secret, and is left out unless the config includes it."""
    return not name.endswith(".py") and _LOOKS_SECRET.fullmatch(name) is not None


def _fits(relative: str, patterns: Sequence[str]) -> bool:
    parts = relative.split("/")
    paths = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for pattern in patterns:
        wanted = pattern.rstrip("/")
        if any(fnmatchcase(each, wanted.removeprefix("./")) for each in (paths if "/" in wanted else parts)):
            return True
    return False
