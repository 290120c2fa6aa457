"""Start a run in several processes, on GPUs as on CPUs.

MMEngine's launch calls ``torch.cuda.set_device`` and gives ``device_ids`` to its wrapper whatever
the backend, so it fails without a GPU. Here the process group is made first, with gloo, and the
wrapper is configured for the CPU; MMEngine finds both and leaves them alone. With a GPU nothing
here happens: MMEngine's own launch is right there.
"""

from __future__ import annotations

import atexit
import datetime
import os
import subprocess
import sys

import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.device import get_device

DEFAULT_PORT = '29500'  # torch.distributed's own
# Where each launcher says which process this is.
_VARIABLES = dict(
    pytorch=dict(RANK='RANK', WORLD_SIZE='WORLD_SIZE', LOCAL_RANK='LOCAL_RANK'),
    slurm=dict(RANK='SLURM_PROCID', WORLD_SIZE='SLURM_NTASKS', LOCAL_RANK='SLURM_LOCALID'),
    mpi=dict(
        RANK='OMPI_COMM_WORLD_RANK',
        WORLD_SIZE='OMPI_COMM_WORLD_SIZE',
        LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK',
    ),
)
_STARTERS = dict(
    pytorch='torchrun (tools/dist_train.sh, tools/dist_test.sh)',
    slurm='srun (tools/slurm_train.sh, tools/slurm_test.sh)',
    mpi="Open MPI's mpirun -x MASTER_ADDR=HOST",
)


def setup_launcher(cfg: Config, launcher: str) -> None:
    """Prepare a config, and where there is no GPU this process, for ``Runner.from_cfg``.

    Call it once in every process, before the runner is built. The process group is destroyed when
    the process ends.

    Args:
        cfg: the run's config; ``launcher`` and, on CPU, ``model_wrapper_cfg`` are set.
        launcher: ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'``.

    Raises:
        ValueError: unknown launcher, or the process was not started by it.
    """
    if launcher != 'none' and launcher not in _STARTERS:
        known = ', '.join(['none', *_STARTERS])
        raise ValueError(f"launcher '{launcher}': expected one of {known}")
    cfg.launcher = launcher
    if launcher == 'none':
        return
    _check_started_by(launcher)
    atexit.register(destroy_process_group)
    if get_device() != 'cpu':
        return
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout', 1800)
    init_cpu_distributed(launcher, timeout=seconds)
    # Buffers are not broadcast before every forward, as in MMEngine's own default.
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {})
    wrapper['device_ids'] = None
    cfg.model_wrapper_cfg = wrapper


def init_cpu_distributed(launcher: str = 'pytorch', timeout: float = 1800) -> None:
    """Make a gloo process group from the launcher's environment variables, once.

    Args:
        launcher: ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        timeout: seconds after which a collective call with a lost process fails.
    """
    if torch_dist.is_initialized():
        return
    for name, source in _VARIABLES[launcher].items():
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', DEFAULT_PORT)
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_host(launcher)
    torch_dist.init_process_group('gloo', timeout=datetime.timedelta(seconds=timeout))


def destroy_process_group() -> None:
    """End the process group, if there is one; without it torch warns about leaked resources.

    After a run without error all processes end it together: one that is gone may abort another that
    still talks to it. After an error nobody is waited for.
    """
    if torch_dist.is_available() and torch_dist.is_initialized():
        if getattr(sys, 'last_value', None) is None:
            torch_dist.barrier()
        torch_dist.destroy_process_group()


def _check_started_by(launcher: str) -> None:
    missing = [name for name in _VARIABLES[launcher].values() if name not in os.environ]
    if missing:
        raise ValueError(
            f"launcher '{launcher}' needs the environment variable {missing[0]}: start the "
            f'processes with {_STARTERS[launcher]}'
        )


def _first_host(launcher: str) -> str:
    """Return the host of rank 0, for the launchers that do not say it."""
    if launcher != 'slurm':
        raise ValueError(
            f"launcher '{launcher}' needs the environment variable MASTER_ADDR: the host of rank "
            f'0. Start the processes with {_STARTERS[launcher]}'
        )
    command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]
