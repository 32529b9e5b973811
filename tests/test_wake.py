"""A wait for workers is ended early by threads and signals, and by nothing once the session is over."""

from __future__ import annotations

import os
import select
from contextlib import closing
from pathlib import Path

from slips.service.wake import Wake


def is_readable(wake: Wake) -> bool:
    return bool(select.select([wake.descriptor], [], [], 0)[0])


def test_a_call_ends_one_wait() -> None:
    with closing(Wake()) as wake:
        assert not is_readable(wake)
        wake()
        wake()
        assert is_readable(wake)
        wake.clear()
        assert not is_readable(wake)


def test_a_source_that_ends_late_writes_into_no_file_that_has_the_descriptor_by_then(tmp_path: Path) -> None:
    wake = Wake()
    writing = wake._writing
    wake.close()
    file = os.open(tmp_path / "state", os.O_CREAT | os.O_WRONLY)
    reused = os.dup2(file, writing)
    try:
        wake()
        wake.close()
        assert os.fstat(reused).st_size == 0
    finally:
        os.close(file)
        if reused != file:
            os.close(reused)
