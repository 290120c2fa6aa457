"""``kpt export``: a trained model as ONNX graphs."""

from __future__ import annotations

import click


@click.command('export')
@click.argument('config')
@click.argument('checkpoint', type=click.Path())
@click.option('--out', required=True, type=click.Path(), help='Folder for the graphs.')
@click.option(
    '--flip-test/--no-flip-test',
    default=None,
    help='Average over the mirrored crop, which doubles the time; detectors only. By default what '
    'the config says.',
)
@click.option('--force', is_flag=True, help='Replace the files of an earlier export.')
@click.option(
    '--allow-pickle',
    is_flag=True,
    help='Load a checkpoint that holds arbitrary Python objects; only from authors you trust.',
)
def command(
    config: str,
    checkpoint: str,
    out: str,
    flip_test: bool | None,
    force: bool,
    allow_pickle: bool,
) -> None:
    """Write a trained model as ONNX graphs, with a JSON file that says how to run them.

    CONFIG is a config file or the name of a shipped one, CHECKPOINT the trained weights. Few-shot
    models become support.onnx and query.onnx, detectors and weak-shot models detector.onnx;
    examples/onnx_runtime.py runs both without PyTorch and MMPose.
    """
    from kpt_plugins.apis.checkpoint import load_checkpoint_safely
    from kpt_plugins.apis.model_loading import load_model
    from kpt_plugins.apis.run_config import load_config
    from kpt_plugins.export import export_model

    cfg = load_config(config)
    model = load_model(cfg, checkpoint, allow_pickle=allow_pickle)
    meta = load_checkpoint_safely(checkpoint, 'cpu', allow_pickle).get('meta', {})
    for path in export_model(model, cfg, out, meta, flip_test, force):
        click.echo(f'{path} ({path.stat().st_size / 2**20:.1f} MiB)')
