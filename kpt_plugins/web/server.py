"""Serving the page."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer

from .uploads import MAX_VIDEO_BYTES


@contextmanager
def serve(inferencer: FewShotInferencer, host: str, port: int | None) -> Iterator[str]:
    """Serve the page while the context is open; its files are deleted at the end.

    Args:
        inferencer: The model.
        host: Address to bind to.
        port: Port, None for a free one from 7860 on.

    Yields:
        The page's address.

    Raises:
        OSError: If the port is taken, or the host is none of this computer's.
    """
    _require_address(host)
    with TemporaryDirectory(prefix='kpt_web_') as name:
        root = Path(name)
        sessions = root / 'sessions'
        sessions.mkdir()
        # read when components are made: uploads and pictures go where they are deleted
        before = os.environ.get('GRADIO_TEMP_DIR')
        os.environ['GRADIO_TEMP_DIR'] = str(root / 'cache')
        from .page import build_page, theme
        from .page_style import CSS

        page = build_page(inferencer, sessions)
        try:
            _, url, _ = page.launch(
                server_name=host,
                server_port=port,
                share=False,
                allowed_paths=[],
                max_file_size=MAX_VIDEO_BYTES,
                state_session_capacity=50,
                ssr_mode=False,
                enable_monitoring=False,
                mcp_server=False,
                strict_cors=True,
                show_error=False,
                footer_links=[],
                quiet=True,
                prevent_thread_lock=True,
                css=CSS,
                theme=theme(),
            )
            yield url
        finally:
            page.close()
            if before is None:
                del os.environ['GRADIO_TEMP_DIR']
            else:
                os.environ['GRADIO_TEMP_DIR'] = before


def _require_address(host: str) -> None:
    """Refuse an address that the server, in a thread of its own, could only try again and again."""
    try:
        kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError as error:
        raise OSError(
            f'host {host}: {error.strerror or error}; expected an address of this computer, such '
            f'as 127.0.0.1 or 0.0.0.0'
        ) from error
