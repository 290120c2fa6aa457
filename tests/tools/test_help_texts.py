"""Every option of every tool says what it is for."""

import ast

import pytest

from kpt_plugins.apis import run_config
from tests.tools.tool import TOOLS

FILES = [*sorted(TOOLS.rglob('*.py')), run_config.__file__]


def options(path):
    """Name and help text of each ``add_argument`` call in a file, None without one."""
    with open(path) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'add_argument':
            texts = [keyword.value for keyword in node.keywords if keyword.arg == 'help']
            yield ast.unparse(node.args[0]), texts[0] if texts else None


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path).rpartition('/')[2])
def test_every_option_has_a_help_text(path):
    empty = ('', "''", 'None')
    bare = [name for name, text in options(path) if text is None or ast.unparse(text) in empty]
    assert bare == []


def test_options_are_found():
    assert dict(options(TOOLS / 'demo.py')).keys() == {"'--config'", "'--work-dir'"}
