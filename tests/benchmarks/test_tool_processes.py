import sys
import threading
import time

import pytest

from .loading import load_benchmark

tools = load_benchmark('tool_processes')


def python(code):
    return [sys.executable, '-c', code]


def test_output_and_environment_and_failure(tmp_path):
    log = tmp_path / 'log'
    processes = tools.Processes()
    code = 'import os, sys; print("threads", os.environ["OMP_NUM_THREADS"]); sys.exit({})'
    with tools.locked(tmp_path / 'run') as lock:
        processes.run(python(code.format(0)), log, lock)
        with pytest.raises(RuntimeError, match=r'failed \(status 3\), see .*log'):
            processes.run(python(code.format(3)), log, lock)
    # Appended: what an earlier attempt printed is kept.
    assert log.read_text() == 'threads 1\n' * 2


def test_stop_ends_what_runs_and_starts_no_more(tmp_path):
    processes = tools.Processes()
    errors = []

    def work():
        try:
            processes.run(python('import time; print("up"); time.sleep(60)'), tmp_path / 'log', 2)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / 'log').is_file() or not (tmp_path / 'log').read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    processes.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert 'status -15' in errors[0]
    with pytest.raises(RuntimeError, match='stopped'):
        processes.run(python('pass'), tmp_path / 'log', 2)


def test_a_folder_is_held_once(tmp_path):
    with tools.locked(tmp_path / 'run'):
        with pytest.raises(RuntimeError, match='another process is at work in .*run'):
            with tools.locked(tmp_path / 'run'):
                pass
    with tools.locked(tmp_path / 'run'):
        pass


def test_a_process_that_outlives_us_keeps_the_folder(tmp_path):
    import subprocess

    with tools.locked(tmp_path) as lock:
        process = subprocess.Popen(python('input()'), stdin=subprocess.PIPE, pass_fds=[lock])
    try:
        with pytest.raises(RuntimeError, match='another process'), tools.locked(tmp_path):
            pass
    finally:
        process.communicate(b'\n', timeout=30)
    with tools.locked(tmp_path):
        pass


def test_several_at_once(tmp_path, capsys):
    """All are waited for; a failure is told and stops no other."""

    def work(number):
        if number == 1:
            raise RuntimeError('broken')

    with tools.at_once(2) as (pool, processes):
        problems = tools.wait_for({pool.submit(work, n): f'run{n}' for n in range(3)})
    assert problems == ['run1: broken']
    lines = capsys.readouterr().out
    assert 'run0: finished' in lines and 'run2: finished' in lines and '[3/3]' in lines
    with tools.locked(tmp_path) as lock, pytest.raises(RuntimeError, match='stopped'):
        processes.run(python('pass'), tmp_path / 'log', lock)
