"""What the ``type`` of a config stands for."""

from __future__ import annotations

from mmengine.registry import Registry


def registered_class(registry: Registry, kind: object) -> type | None:
    """The class that a config's ``type`` names, or is itself; None if no class is registered so."""
    found = kind if isinstance(kind, type) else registry.get(str(kind))
    return found if isinstance(found, type) else None
