import os
import signal
import subprocess
import sys
import threading

import pytest

from kpt_plugins.apis.termination import exit_on_sigterm


def test_a_terminated_tool_ends_the_one_that_it_waits_for(tmp_path):
    started = tmp_path / 'pid'
    child = f'import os, time; open({str(started)!r}, "w").write(str(os.getpid())); time.sleep(60)'

    def terminate():
        while not (started.is_file() and started.read_text()):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    try:
        exit_on_sigterm()
        threading.Thread(target=terminate, daemon=True).start()
        with pytest.raises(SystemExit, match='terminated'):
            subprocess.run([sys.executable, '-c', child], timeout=60)
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
