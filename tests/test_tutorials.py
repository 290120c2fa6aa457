"""Commands of the tutorials name what there is: files, commands, options, pictures."""

import re
import shlex
from pathlib import Path

import click
import pytest

from kpt_plugins.apis import shipped_configs
from kpt_plugins.cli.main import kpt

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / 'docs' / 'tutorials').glob('*.md')), ROOT / 'docs' / 'export.md']


def commands(page):
    """Command lines of the page's shell blocks, as lists of words."""
    for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S):
        block = re.sub(r"<<'END'.*?\nEND\n", '\n', block, flags=re.S).replace('\\\n', ' ')
        yield from (words for line in block.splitlines() if (words := shlex.split(line, True)))


SHARED_OPTIONS = (ROOT / 'kpt_plugins' / 'apis' / 'run_config.py').read_text()
LINES = [(page.name, words) for page in PAGES for words in commands(page)]


def test_pages_have_commands():
    assert len(PAGES) == 5
    assert {name for name, _ in LINES} == {page.name for page in PAGES}


@pytest.mark.parametrize('name, words', LINES, ids=str)
def test_command(name, words):
    program, *rest = words
    if program == 'kpt':
        command = kpt.get_command(click.Context(kpt), rest[0])
        there = [__file__ if word.endswith('.pth') else word for word in rest[1:]]
        command.make_context(rest[0], there)  # raises if it cannot be parsed
    elif program == 'python' and rest[0] != '-':
        tool, text = rest[0], (ROOT / rest[0]).read_text() + SHARED_OPTIONS
        options = [word for word in rest[1:] if word.startswith('--')]
        assert [o for o in options if f"'{o}'" not in text] == [], tool
        if tool in ('tools/train.py', 'tools/test.py'):
            assert rest[1] in shipped_configs()
    else:
        assert program in ('python', 'make', 'source', 'ls', 'pip'), words


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r'\]\(([^)#]+)[^)]*\)', page.read_text()):
        assert (page.parent / target).exists(), target
