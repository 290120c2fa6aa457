"""Exports that several tests look at."""

from __future__ import annotations

import pytest

from tests import tiny_exports as tiny


@pytest.fixture(scope='session')
def exported(tmp_path_factory):
    """A function from a config to its model, description and sessions; each is exported once."""
    done = {}

    def export(name, cfg, **options):
        if name not in done:
            from kpt_plugins.export import export_model

            folder = tmp_path_factory.mktemp(name)
            model = tiny.build(cfg)
            export_model(model, cfg, folder, **options)
            done[name] = (model, *tiny.load_export(folder))
        return done[name]

    return export
