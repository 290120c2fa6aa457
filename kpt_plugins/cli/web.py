"""``kpt web``: annotate and predict in the browser."""

from __future__ import annotations

import click


@click.command()
@click.option(
    '--weights',
    required=True,
    metavar='FILE',
    help='Checkpoint of a few-shot model, which holds its config.',
)
@click.option(
    '--model', metavar='CONFIG', help='Config file or its name, where the checkpoint has none.'
)
@click.option('--device', metavar='NAME', help='cpu, cuda, cuda:1, mps.  [default: a GPU if any]')
@click.option(
    '--host',
    default='127.0.0.1',
    show_default=True,
    help='Address to serve on. With 0.0.0.0 everybody in your network can use the page; there is '
    'no password.',
)
@click.option(
    '--port', type=click.IntRange(1, 65535), help='[default: the first free one from 7860]'
)
@click.option(
    '--allow-pickle',
    is_flag=True,
    help='Read a checkpoint that could run any code, if you trust its author.',
)
def command(
    weights: str,
    model: str | None,
    device: str | None,
    host: str,
    port: int | None,
    allow_pickle: bool,
) -> None:
    """Mark keypoints in a few photos in the browser, and find them in others.

    Needs `pip install 'kpt_plugins[demo]'`. Runs until it is interrupted (Ctrl+C); uploads are kept
    in a temporary folder and deleted.

    \b
    Example:
      kpt web --weights fmmp.pth
    """
    import signal
    from importlib.util import find_spec
    from threading import Event

    if find_spec('gradio') is None:
        raise ImportError(
            "kpt web needs Gradio, which is not installed: pip install 'kpt_plugins[demo]'"
        )
    click.echo('Loading the model ...')
    from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
    from kpt_plugins.web.server import serve

    inferencer = FewShotInferencer(model, weights, device, allow_pickle=allow_pickle)
    # a service manager's stop deletes the uploads too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with serve(inferencer, host, port) as url:
            click.echo(f'Open {url} in a browser. Ctrl+C stops.')
            Event().wait()
    except OSError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo('Stopped; uploads are deleted.')
