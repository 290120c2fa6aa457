"""Faster training on CPU: glibc keeps the memory that tensors give back."""

import ctypes
import platform

# parameters of mallopt(3), malloc.h
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next allocations.

    glibc returns every freed block above 32 MiB to the kernel at once, and the next tensor of the
    same size has all its pages mapped and zeroed anew. Training on CPU can spend more time on that
    than on arithmetic (``benchmarks/results/fmmp_speed.md``). Afterwards the process holds on to
    the most it ever used, as PyTorch does on a GPU.

    Returns:
        bool: Whether it took effect; without glibc nothing changes.
    """
    if platform.system() != 'Linux' or platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 1 << 28))
    return all([mallopt(parameter, value) for parameter, value in settings])
