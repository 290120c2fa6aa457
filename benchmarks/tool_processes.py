"""Tools in processes of their own, several at a time, for benchmarks of many runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path


class Processes:
    """Starts tools in processes of their own; :meth:`stop` ends all and starts no more."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._stopped = False
        self._guard = threading.Lock()

    def run(self, command: Sequence[str], log: Path, lock: int) -> None:
        """Run a command to its end, its output appended to ``log``.

        ``lock`` is a file descriptor that the process inherits.

        Raises:
            RuntimeError: if it fails or was stopped.
        """
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}
        with log.open('a') as out:
            with self._guard:
                if self._stopped:
                    raise RuntimeError('stopped')
                process = subprocess.Popen(
                    command, stdout=out, stderr=out, env=environment, pass_fds=[lock]
                )
                self._running.add(process)
            status = process.wait()
        with self._guard:
            self._running.discard(process)
        if status:
            raise RuntimeError(f'{Path(command[1]).name} failed (status {status}), see {log}')

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.terminate()


@contextmanager
def at_once(jobs: int) -> Iterator[tuple[ThreadPoolExecutor, Processes]]:
    """``jobs`` threads that wait for tools; at the end, or on an error, whatever runs is ended."""
    processes, pool = Processes(), ThreadPoolExecutor(jobs)
    try:
        yield pool, processes
    finally:
        processes.stop()
        pool.shutdown(cancel_futures=True)


def wait_for(futures: Mapping[Future, str]) -> list[str]:
    """Tell each run's end, by its name; returns what went wrong, a line a run."""
    problems = []
    for number, future in enumerate(as_completed(futures), 1):
        name, error = futures[future], future.exception()
        if error:
            problems.append(f'{name}: {error}')
        print(f'[{number}/{len(futures)}] {name}: {error or "finished"}', flush=True)
    return problems


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold a folder for one training; yields the lock's file descriptor.

    A process that inherits it keeps the lock when we die, so that a run whose tool lives on is
    never started a second time.

    Raises:
        RuntimeError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / 'lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f'another process is at work in {folder}') from None
        yield file.fileno()
