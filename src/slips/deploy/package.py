"""The code of all functions as one zip. The same project gives the same bytes, whenever and wherever it is built.

In: a checked Config. Out: a Package, laid out as the functions find it: slips, what it imports, the user's files at
their paths below the config file, the config itself. Never in it: the values of secrets, other configs, logs and state
of this machine, byte-code; dotfiles and what looks like a secret only if the config includes it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

import slips
from slips.config import PACKAGED, Config
from slips.deploy import sources
from slips.deploy.dependencies import PINS, PROVIDED, installed
from slips.deploy.selection import FileFilter
from slips.errors import UsageError
from slips.usercode import importing

UNZIPPED_LIMIT = 250 * 2**20
"""Of a function's code. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
NOT_DEPLOYED = {
    *("config/arns.py", "config/check.py", "config/declared.py", "config/nodes.py", "config/policies.py"),
    *("config/problems.py", "config/reference.py", "config/rules.py", "config/values.py"),
    *("__main__.py", "cli", "deploy", "project.py", "service", "testing.py"),
}
"""Of slips: what only people and this machine use."""
HANDED_OVER = "slips-package.json"
"""Marks a directory that `slips package` wrote, of which nothing goes into a package."""
LEFT_OUT_NAMED = 50
"""Most files that are named as left out."""
_LEFTOVERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""What pip writes beside the metadata, for itself."""


class Package(Struct, frozen=True):
    """The code of the functions."""

    data: bytes
    """The zip."""
    sha256: str
    """Of `data`, in hex."""
    key: str
    """`slips-….zip`, named after what is inside: alike for alike content, whoever compressed it."""
    unzipped: int
    """Bytes of all files in it."""
    largest: list[tuple[str, int]]
    """What lies in its root, with the bytes below, the largest first."""
    left_out: list[str] = []
    """Files of the project that look like secrets, databases or leftovers of editors, and are not in it."""

    @property
    def size(self) -> int:
        """Bytes of the zip."""
        return len(self.data)

    def summary(self) -> str:
        """For people, in one line."""
        return f"{_mb(self.size)} zipped, {_mb(self.unzipped)} unzipped; largest: {_parts(self.largest)}"


class _File(Struct, frozen=True):
    """One file of the package: either `path`, which holds its content, or the content."""

    path: Path | None = None
    content: bytes = b""

    def read(self) -> tuple[bytes, int]:
        """Its content, and its mode: whether it may be run is all that is kept of it."""
        if self.path is None:
            return self.content, 0o644
        with _reading(self.path):
            return self.path.read_bytes(), 0o755 if self.path.stat().st_mode & stat.S_IXUSR else 0o644

    def size(self) -> int:
        if self.path is None:
            return len(self.content)
        with _reading(self.path):
            return self.path.stat().st_size


def build(
    config: Config, say: Callable[[str], None] = lambda _: None, *, verbose: bool = False, pins: Path = PINS
) -> Package:
    """The package of `config`, which comes from a file. `say` gets lines of progress, more of them if `verbose`.
    `pins` are the requirements of slips itself.

    Raises UsageError for what cannot run, be installed or be read, would hide something else or is too large.
    """
    project = _Project(config)
    own = project.files()
    left_out = project.left_out()
    _say_left_out(left_out, say)
    missing = _check_sources(config, own)
    with installed(config, say, verbose=verbose, pins=pins) as directories:
        files = {f"slips/{name}": file for name, file in _slips()}
        files[PACKAGED] = _File(content=_packaged(config, project))
        shipped = dict(files)
        for directory in directories:
            shipped.update(_dependencies(directory, config.handler.requirements))
        _check_shadows(own, shipped)
        if missing:
            module, error = missing
            if module in {_module(name) for name in shipped}:
                place = "it goes in with the requirements"
            elif config.handler.layers:
                place = "one of handler.layers must have it"
            else:
                raise error
            say(f"handler: not imported here, where '{module}' is not installed; {place}")
        return _zip({**shipped, **own}, left_out)


def check(config: Config, say: Callable[[str], None]) -> None:
    """Raises UsageError if the user's files cannot run, as far as it can be told without installing anything."""
    project = _Project(config)
    own = project.files()
    _say_left_out(project.left_out(), say)
    missing = _check_sources(config, own)
    if missing:
        module, error = missing
        if config.handler.requirements is None and not config.handler.layers:
            raise error
        say(f"handler: not imported here, where '{module}' is not installed; deploy looks whether it is required")


def _say_left_out(names: list[str], say: Callable[[str], None]) -> None:
    if names:
        more = f" and {len(names) - LEFT_OUT_NAMED:,} more" if len(names) > LEFT_OUT_NAMED else ""
        say(
            f"left out: {', '.join(names[:LEFT_OUT_NAMED])}{more}: like secrets, databases or leftovers of editors; "
            "name in 'handler.include' what the handler needs"
        )


def _check_sources(config: Config, own: dict[str, _File]) -> tuple[str, UsageError] | None:
    """The module that the handler lacks here, with the error. Raises UsageError for what no module would mend."""
    python = (file for name, file in own.items() if name.endswith(".py"))
    sources.check_syntax((file.path, file.read()[0]) for file in python if file.path)
    with importing(config.handler.environment):
        return sources.find_missing(config.resolve(config.handler.path))


def folder(config: Config) -> str:
    """Where the code bucket holds what is uploaded for the stack: cleared away without asking who else uses it."""
    return f"{config.base.sam.code_prefix.strip('/')}/{config.stack_name}/".lstrip("/")


# ---- what goes in


def _slips() -> Iterator[tuple[str, _File]]:
    root = Path(slips.__file__).parent
    for path in root.rglob("*.py"):
        name = path.relative_to(root)
        if not {"/".join(name.parts[:depth]) for depth in (1, 2)} & NOT_DEPLOYED:
            yield name.as_posix(), _File(path)


def _dependencies(directory: Path, requirements: str | None) -> Iterator[tuple[str, _File]]:
    """What pip installed, without its scripts and its own notes."""
    for path in directory.rglob("*"):
        name = path.relative_to(directory)
        first, last = name.parts[0], name.parts[-1]
        if first in ("slips", "slips.py"):
            raise UsageError(
                f"{requirements}: brings a 'slips' of its own; expected none beside the package's; remove it there"
            )
        if first == "bin" or "__pycache__" in name.parts or path.suffix == ".pyc" or not path.is_file():
            continue
        if not (first.endswith(".dist-info") and last in _LEFTOVERS):
            yield name.as_posix(), _File(path)


def _packaged(config: Config, project: _Project) -> bytes:
    """Encode the config for the functions, without keys of this machine alone, and without tags and rights.

    A changed tag or right leaves the functions' code as it is.
    """
    replace = msgspec.structs.replace
    mappings = {
        bucket: [replace(one, format=[project.format(name) for name in one.format]) for one in mappings]
        for bucket, mappings in config.bucket_mapping.items()
    }
    config = replace(
        config,
        backend=replace(config.backend, embedded=None),
        handler=replace(config.handler, path=project.handler, requirements=None, policies=[], layers=[], tracing=False),
        bucket_mapping=mappings,
        tags={},
        permissions_boundary=None,
    )
    keys = msgspec.to_builtins(config)
    return msgspec.json.encode({key: keys[key] for key in keys if key not in ("base", "file")})


class _Project:
    """The user's files: those around the handler and around formats of their own."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._root = Path(os.path.normpath(config.root.absolute()))
        self._real_root = os.path.realpath(self._root)
        embedded = config.backend.embedded
        machine = [config.state_directory, *(map(config.resolve, embedded.buckets.values()) if embedded else [])]
        self._left_out = {os.path.realpath(path) for path in (*machine, Path(config.file))}
        self.handler = self._below(config.handler.path, "handler.path")
        about = config.handler
        self._filter = FileFilter((self._root / self.handler).parent, about.include, about.exclude)

    def format(self, name: str) -> str:
        """The name of a format, one of the user's relative to the root."""
        path, _, attribute = name.rpartition(":")
        return f"{self._below(path, 'bucket_mapping')}:{attribute}" if path.endswith(".py") else name

    def files(self) -> dict[str, _File]:
        """All of them, by their paths relative to the root."""
        found = dict(self._around(self.handler))
        for mappings in self._config.bucket_mapping.values():
            for name in dict.fromkeys(name for mapping in mappings for name in mapping.format):
                path, _, _ = self.format(name).rpartition(":")
                if path.endswith(".py"):
                    found.update(self._around(path, only_python=True))
        return found

    def left_out(self) -> list[str]:
        """Files that look like secrets, which `files` has left out, by their paths relative to the root."""
        return sorted(path.relative_to(self._root).as_posix() for path in self._filter.left_out)

    def _below(self, given: str, where: str) -> str:
        """A path of the config relative to the root, with `/`."""
        path = Path(os.path.normpath(self._root / given))
        if not path.is_relative_to(self._root):
            raise UsageError(
                f"{where}: '{given}'; expected a path below {self._root}, which is packaged; move it there"
            )
        self._check_target(path, f"{where}: '{given}'")
        return path.relative_to(self._root).as_posix()

    def _around(self, file: str, only_python: bool = False) -> Iterator[tuple[str, _File]]:
        """All below the directory of `file`. Of the root: the files in it and the packages that they can import."""
        directory = (self._root / file).parent
        if directory != self._root:
            yield from self._walk(directory, {os.path.realpath(directory)})
            return
        for path in self._entries(directory):
            if path.is_dir():
                if not only_python and (path / "__init__.py").is_file():
                    yield from self._walk(path, {os.path.realpath(path)})
            elif not only_python or path.suffix == ".py":
                yield path.name, _File(path)

    def _walk(self, directory: Path, above: set[str]) -> Iterator[tuple[str, _File]]:
        for path in self._entries(directory):
            if path.is_dir():
                real = os.path.realpath(path)
                if real in above:
                    raise UsageError(f"{path}: a link to a directory that it lies in; expected an end; remove it")
                yield from self._walk(path, above | {real})
            else:
                yield path.relative_to(self._root).as_posix(), _File(path)

    def _entries(self, directory: Path) -> Iterator[Path]:
        """Files and directories in a directory that may go into a package."""
        with _reading(directory):
            paths = sorted(directory.iterdir())
        for path in paths:
            if self._is_left_out(path):
                continue
            if path.is_symlink():
                self._check_target(path, str(path))
            if path.is_dir() or path.is_file():  # no sockets, no pipes
                _check_name(path)
                yield path

    def _is_left_out(self, path: Path) -> bool:
        if path.name in ("__pycache__", "node_modules") or path.suffix == ".pyc":
            return True
        if os.path.realpath(path) in self._left_out:
            return True
        if (path / "pyvenv.cfg").is_file() or (path / HANDED_OVER).is_file():
            return True
        if not self._filter.takes(path, hidden=path.name.startswith(".")):
            return True
        return path.suffix in (".yml", ".yaml") and path.is_file() and _is_config(path)

    def _check_target(self, path: Path, where: str) -> None:
        """Raises UsageError unless `path`, perhaps a link, leads to what may go into a package."""
        target = Path(os.path.realpath(path))
        if not target.exists():
            raise UsageError(
                f"{where}: there is no {target}; expected a file of the project; mend the path or the link"
            )
        if not target.is_relative_to(self._real_root):
            raise UsageError(
                f"{where}: leads to {target}, out of the project; expected a target below {self._root}; copy it there"
            )
        if any(part.startswith(".") for part in target.relative_to(self._real_root).parts):
            raise UsageError(
                f"{where}: leads to {target}; what has a '.' in front of its name never goes into a package; rename it"
            )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Errors of the operating system as UsageError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: {reason}; expected files for the package; make it readable") from None


def _is_config(path: Path) -> bool:
    """Whether a YAML file is a config of slips: other stacks' are nobody's business."""
    with _reading(path):
        return re.search(rb"(?m)^[\"']?stack_name[\"']?\s*:", path.read_bytes()) is not None


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{os.fsencode(path)!r}: its name is not UTF-8; expected a name that is alike everywhere; rename it"
        ) from None
    if not unicodedata.is_normalized("NFC", path.name):
        raise UsageError(
            f"{path}: its name has an accent of its own (not NFC); expected a name that is alike everywhere; rename it"
        )


def _check_shadows(own: dict[str, _File], shipped: dict[str, _File]) -> None:
    """Raises UsageError if a user's file would be found in place of another, or the other way round."""
    modules = {_module(name): "which the package needs" for name in shipped}
    modules |= dict.fromkeys(PROVIDED, "which the functions need")
    for name in own:
        module = _module(name)
        # Lambda looks here before it looks into Python's own modules; those go before directories without __init__.py
        if module in sys.stdlib_module_names and ("/" not in name or f"{module}/__init__.py" in own):
            modules[module] = "of Python itself"
        if module in modules:
            top = name.partition("/")[0]
            raise UsageError(
                f"{top}: would hide '{module}', {modules[module]}; expected another name; rename it or move it "
                "into a directory"
            )


def _module(name: str) -> str:
    """What Python imports from a file of the package; of no module, the name of the file."""
    first, slash, _ = name.partition("/")
    return first if slash or not first.endswith((".py", ".so")) else first.partition(".")[0]


# ---- the zip


def _zip(files: dict[str, _File], left_out: list[str]) -> Package:
    parts = Counter[str]()
    for name, file in files.items():
        parts[name.partition("/")[0]] += file.size()
    largest = parts.most_common()
    if parts.total() > UNZIPPED_LIMIT:
        raise UsageError(
            f"package: {_mb(parts.total())} unzipped, of which {_parts(largest)}; at most {_mb(UNZIPPED_LIMIT)} were "
            "expected by Lambda; require less, or keep data in a bucket and load it in 'setup'"
        )
    stored, content = io.BytesIO(), hashlib.sha256()
    unzipped = 0
    with zipfile.ZipFile(stored, "w") as archive:
        for name in sorted(files):
            data, mode = files[name].read()
            unzipped += len(data)
            about = zipfile.ZipInfo(name)  # its time is 1980-01-01
            about.create_system = 3  # Unix: else the mode is not looked at
            about.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(about, data, zipfile.ZIP_DEFLATED, compresslevel=6)
            content.update(f"{name}\0{mode:o}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    data = stored.getvalue()
    return Package(
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        key=f"slips-{content.hexdigest()[:40]}.zip",
        unzipped=unzipped,
        largest=largest,
        left_out=left_out,
    )


def _parts(largest: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {_mb(size)}" for name, size in largest[:5])


def _mb(size: int) -> str:
    """As Lambda counts: 250 MB are 262,144,000 bytes."""
    return f"{size / 2**20:.1f} MB"
