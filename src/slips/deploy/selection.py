"""Which of the user's files go into the package: patterns of the config, and names that look like secrets.

Patterns are globs relative to the handler's directory. One without `/` fits a name at any depth; one that fits a
directory fits all below it.
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
    # what editors leave behind
    *("*~", "*.swp", "*.swo", ".#*", "#*#", "*.bak", "*.orig"),
)
"""Names that are left out unless `handler.include` names them, in upper or lower case. Never those of `.py` files."""
_LOOKS_SECRET = re.compile("|".join(map(translate, SECRETS)), re.IGNORECASE)


class FileFilter:
    """Decides which files around the handler are packed. Notes each that it leaves out."""

    def __init__(self, directory: Path, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._directory, self._include, self._exclude = directory, include, exclude
        self.left_out: set[Path] = set()
        """Files that look like secrets."""

    def takes(self, path: Path, *, hidden: bool) -> bool:
        """Whether a file or a directory may go in. What is `hidden` needs to be included by name."""
        relative = Path(os.path.relpath(path, self._directory)).as_posix()
        if _fits(relative, self._exclude):
            return False
        if path.is_dir():
            return not hidden
        if _fits(relative, self._include):
            return True
        if looks_secret(path.name):
            self.left_out.add(path)
            return False
        return not hidden


def looks_secret(name: str) -> bool:
    """Whether a file of this name is left out unless it is asked for."""
    return not name.endswith(".py") and _LOOKS_SECRET.fullmatch(name) is not None


def _fits(relative: str, patterns: Sequence[str]) -> bool:
    parts = relative.split("/")
    paths = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for pattern in patterns:
        wanted = pattern.rstrip("/")
        if any(fnmatchcase(each, wanted.removeprefix("./")) for each in (paths if "/" in wanted else parts)):
            return True
    return False
