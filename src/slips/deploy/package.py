"""Builds the code of all functions as one zip. The same project gives the same bytes at any time, on any machine.

In: a checked Config. Out: a Package with slips (`modules`), its libraries and the user's (`dependencies`), the user's
files at their paths below the config file (`user_files`), and the config itself. It never has the values of secrets.
If wanted, it has modules in their compiled form, too (`compiled`): these are no part of the promise about bytes.
"""

from __future__ import annotations

import hashlib
import io
import stat
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from slips.config import PACKAGED, Config, Mapping, MappingHandler
from slips.deploy import handler_check, modules
from slips.deploy.compiled import compiled
from slips.deploy.dependencies import PINS, PROVIDED, installed
from slips.deploy.member import Member
from slips.deploy.user_files import UserFiles
from slips.errors import UsageError
from slips.usercode import importing

UNZIPPED_LIMIT = 250 * 2**20
"""Most bytes of a function's code. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
LEFT_OUT_NAMED = 50
"""Most files that are named as left out."""
_LEFTOVERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
"""Files that uv writes beside the metadata for its own use."""


class Package(Struct, frozen=True):
    """The code of the functions."""

    data: bytes
    """The zip."""
    key: str
    """`slips-….zip`, named after the files inside but for compiled ones: the same for the same files, however they are
    compressed."""
    unzipped: int
    """Bytes of all files, unzipped."""
    largest: list[tuple[str, int]]
    """Files and directories in the root, with the bytes of each, the largest first."""
    left_out: list[str] = []
    """Files of the project that look like secrets, databases or leftovers of editors, and are not packed."""

    @property
    def size(self) -> int:
        """Bytes of the zip."""
        return len(self.data)

    def summary(self) -> str:
        """Return the sizes in one line, for people."""
        return f"{_mb(self.size)} zipped, {_mb(self.unzipped)} unzipped; largest: {_parts(self.largest)}"


def build(
    config: Config,
    say: Callable[[str], None] = lambda _: None,
    *,
    verbose: bool = False,
    compiles: bool = False,
    pins: Path = PINS,
) -> Package:
    """Build the package of `config`, which must come from a file.

    Calls `say` with lines of progress, more of them if `verbose`. If it `compiles`, the bytes depend on the Python that
    this is, the key does not. `pins` are the requirements of slips itself. Raises UsageError if the user's code cannot
    run, a requirement cannot be installed, a file cannot be read or would hide another one, or the package is too
    large.
    """
    project = UserFiles(config)
    own = project.files()
    left_out = project.left_out()
    _say_left_out(left_out, say)
    missing = _check_sources(config, own)
    with installed(config, say, verbose=verbose, pins=pins) as directories:
        files = {name: Member(path) for name, path in modules.deployed().items()}
        files[PACKAGED] = Member(content=_packaged(config, project))
        shipped = dict(files)
        for directory in directories:
            shipped.update(_dependencies(directory, config.handler.requirements))
        _check_shadows(own, shipped)
        modules_there = {_module(name) for name in shipped}
        for module, (handlers, error) in missing.items():
            if module in modules_there:
                place = "it goes in with the requirements"
            elif config.handler.layers:
                place = "one of handler.layers must have it"
            else:
                raise error
            say(f"{', '.join(handlers)}: not imported here, where '{module}' is not installed; {place}")
        runtime = config.handler.runtime if compiles else ""
        return _zip({**shipped, **own}, dict(compiled(runtime, shipped)), left_out)


def check(config: Config, say: Callable[[str], None]) -> None:
    """Raise UsageError if the user's files cannot run, as far as that is clear without installing requirements."""
    project = UserFiles(config)
    own = project.files()
    _say_left_out(project.left_out(), say)
    missing = _check_sources(config, own)
    for module, (handlers, error) in missing.items():
        if config.handler.requirements is None and not config.handler.layers:
            raise error
        say(
            f"{', '.join(handlers)}: not imported here, where '{module}' is not installed; deploy looks whether it is "
            "required"
        )


def _say_left_out(names: list[str], say: Callable[[str], None]) -> None:
    if names:
        more = f" and {len(names) - LEFT_OUT_NAMED:,} more" if len(names) > LEFT_OUT_NAMED else ""
        say(
            f"left out: {', '.join(names[:LEFT_OUT_NAMED])}{more}: like secrets, databases or leftovers of editors; "
            "name in 'handler.include' what the handler needs"
        )


def _check_sources(config: Config, own: dict[str, Member]) -> dict[str, tuple[list[str], UsageError]]:
    """Return the modules that handlers lack on this machine, with the files of these handlers and the first error.

    Raises UsageError with all other mistakes of the user's files.
    """
    python = (file for name, file in own.items() if name.endswith(".py"))
    handler_check.check_syntax((file.path, file.read()[0]) for file in python if file.path)
    missing, mistakes = dict[str, tuple[list[str], UsageError]](), list[str]()
    with importing(config.handler.environment):
        for path, class_name in dict.fromkeys((one.path, one.class_name) for one in config.handlers):
            try:
                found = handler_check.find_missing(config.resolve(path), class_name)
            except UsageError as error:
                mistakes.append(str(error))
            else:
                if found is not None:
                    module, lacking = found
                    handlers, _ = missing.setdefault(module, ([], lacking))
                    handlers += [path] if path not in handlers else []
    if mistakes:
        raise UsageError("\n".join(dict.fromkeys(mistakes)))
    return missing


def folder(config: Config) -> str:
    """Return the stack's own folder in the code bucket, which `slips destroy --all` deletes without further checks."""
    return f"{config.base.sam.code_prefix.strip('/')}/{config.stack_name}/".lstrip("/")


# ---- contents


def _dependencies(directory: Path, requirements: str | None) -> Iterator[tuple[str, Member]]:
    """Yield the files that uv installed, without scripts and files for uv's own use."""
    for path in directory.rglob("*"):
        name = path.relative_to(directory)
        first, last = name.parts[0], name.parts[-1]
        if first in ("slips", "slips.py"):
            raise UsageError(
                f"{requirements}: brings a 'slips' of its own; expected none beside the package's; remove it there"
            )
        if first in ("bin", ".lock") or "__pycache__" in name.parts or path.suffix == ".pyc" or not path.is_file():
            continue
        if not (first.endswith(".dist-info") and last in _LEFTOVERS):
            yield name.as_posix(), Member(path)


def _packaged(config: Config, project: UserFiles) -> bytes:
    """Encode the config for the functions, without keys of this machine alone, and without tags and rights.

    A changed tag or right leaves the functions' code as it is.
    """
    replace = msgspec.structs.replace
    mappings = {
        bucket: [
            replace(one, format=[project.format(step) for step in one.format], handler=_own_handler(one, project))
            for one in mappings
        ]
        for bucket, mappings in config.bucket_mapping.items()
    }
    main = config.handler
    is_used = any(one.handler is None for mappings in config.bucket_mapping.values() for one in mappings)
    config = replace(
        config,
        backend=replace(config.backend, embedded=None),
        handler=replace(
            main,
            path=project.handler(main.path) if main.path and is_used else None,
            args=main.args if is_used else {},
            requirements=None,
            policies=[],
            layers=[],
            tracing=False,
        ),
        bucket_mapping=mappings,
        tags={},
        permissions_boundary=None,
    )
    keys = msgspec.to_builtins(config)
    return msgspec.json.encode({key: keys[key] for key in keys if key not in ("base", "file")})


def _own_handler(mapping: Mapping, project: UserFiles) -> MappingHandler | None:
    """Return the handler of a mapping for the functions, its path relative to the root; None if it has none."""
    own = mapping.handler
    return own if own is None else MappingHandler(project.handler(own.path), own.args)


def _check_shadows(own: dict[str, Member], shipped: dict[str, Member]) -> None:
    """Raise UsageError if a user's file would hide a module of the package or of Python, or the other way round."""
    modules = {_module(name): "which the package needs" for name in shipped}
    modules |= dict.fromkeys(PROVIDED, "which the functions need")
    for name in own:
        module = _module(name)
        # On Lambda, files of the package come before Python's own modules; only directories without __init__.py do not.
        if module in sys.stdlib_module_names and ("/" not in name or f"{module}/__init__.py" in own):
            modules[module] = "of Python itself"
        if module in modules:
            top = name.partition("/")[0]
            raise UsageError(
                f"{top}: would hide '{module}', {modules[module]}; expected another name; rename it or move it "
                "into a directory"
            )


def _module(name: str) -> str:
    """Return the module that Python imports from a file of the package; for other files, the file's name."""
    first, slash, _ = name.partition("/")
    return first if slash or not first.endswith((".py", ".so")) else first.partition(".")[0]


# ---- the zip


def _zip(sources: dict[str, Member], compiled: dict[str, Member], left_out: list[str]) -> Package:
    """Make the zip of all files; the key is that of the sources."""
    parts, files = Counter[str](), {**compiled, **sources}
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
            about = zipfile.ZipInfo(name)  # with the time 1980-01-01
            about.create_system = 3  # Unix: else the mode is ignored
            about.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(about, data, zipfile.ZIP_DEFLATED, compresslevel=6)
            if name in sources:
                content.update(f"{name}\0{mode:o}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    data = stored.getvalue()
    return Package(
        data=data,
        key=f"slips-{content.hexdigest()[:40]}.zip",
        unzipped=unzipped,
        largest=largest,
        left_out=left_out,
    )


def _parts(largest: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {_mb(size)}" for name, size in largest[:5])


def _mb(size: int) -> str:
    """Format bytes as MB in Lambda's way: 250 MB are 262,144,000 bytes."""
    return f"{size / 2**20:.1f} MB"
