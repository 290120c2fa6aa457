"""What a check of a data set found: as a table for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from kpt_plugins.datasets.annotation_file import ERROR, WARNING, Problem

IMAGE_STATES = ('found', 'missing image', 'undecodable image', 'other image size')
MAX_EXAMPLES = 3


@dataclass
class CategoryReport:
    """Counts of one category.

    Attributes:
        instances: Usable annotated instances.
        dropped: Unusable ones by reason.
        num_keypoints: K, from the annotations; None without any.
        skeleton_base: '0', '1', 'empty', 'wrong', or with '?' where it had to be assumed.
        num_links: Links of the skeleton after clean-up.
        unlinked: Keypoints in no link.
        visibility: Keypoints of usable instances with visibility 0, 1 and 2.
        points_outside: Visible keypoints outside their image.
        image_states: Distinct images by state, see `IMAGE_STATES`.
    """

    id: int
    name: str
    instances: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    num_keypoints: int | None = None
    skeleton_base: str = '-'
    num_links: int = 0
    unlinked: int = 0
    visibility: list[int] = field(default_factory=lambda: [0, 0, 0])
    points_outside: int = 0
    image_states: Counter = field(default_factory=Counter)

    def visibility_shares(self) -> list[float]:
        """Shares of the visibilities 0, 1 and 2; zeros without keypoints."""
        total = max(sum(self.visibility), 1)
        return [count / total for count in self.visibility]


@dataclass
class DatasetReport:
    """Everything that a check of a data set found."""

    ann_file: str
    image_dir: str | None
    num_images: int = 0
    num_annotations: int = 0
    categories: dict[int, CategoryReport] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    image_states: Counter = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether there are no errors (there may be warnings)."""
        return not any(p.severity == ERROR for p in self.problems)

    def add(self, *problems: Problem) -> None:
        """Add problems to the report."""
        self.problems.extend(problems)

    def grouped(self) -> list[dict]:
        """Problems of the same kind and category as one, errors first, most frequent first."""
        groups: dict[tuple, list[Problem]] = {}
        for problem in self.problems:
            key = (problem.severity, problem.kind, problem.category_id)
            groups.setdefault(key, []).append(problem)
        result = [
            dict(
                severity=severity,
                kind=kind,
                category_id=category_id,
                count=len(members),
                examples=[str(p) for p in members[:MAX_EXAMPLES]],
            )
            for (severity, kind, category_id), members in groups.items()
        ]
        return sorted(result, key=lambda g: (g['severity'] != ERROR, -g['count']))

    def to_dict(self) -> dict:
        """The report as plain Python for JSON."""
        categories = [
            dict(
                id=c.id,
                name=c.name,
                instances=c.instances,
                dropped=c.dropped,
                images={state: c.image_states[state] for state in IMAGE_STATES},
                num_keypoints=c.num_keypoints,
                skeleton_base=c.skeleton_base,
                num_links=c.num_links,
                unlinked_keypoints=c.unlinked,
                visibility_shares=c.visibility_shares(),
                points_outside_image=c.points_outside,
            )
            for c in self.categories.values()
        ]
        return dict(
            ann_file=self.ann_file,
            image_dir=self.image_dir,
            ok=self.ok,
            errors=sum(p.severity == ERROR for p in self.problems),
            warnings=sum(p.severity == WARNING for p in self.problems),
            num_images=self.num_images,
            num_annotations=self.num_annotations,
            images={state: self.image_states[state] for state in IMAGE_STATES},
            categories=categories,
            problems=self.grouped(),
        )


def format_report(report: DatasetReport) -> str:
    """The report as text: a table of the categories, the problems, and a verdict."""
    lines = [f'{report.ann_file}: {report.num_images} images, {report.num_annotations} annotations']
    if report.categories:
        lines += ['', *_format_table(_rows(report))]
    for group in report.grouped():
        times = f' ({group["count"]} times)' if group['count'] > 1 else ''
        lines += ['', f'{group["severity"].upper()}: {group["kind"]}{times}']
        lines += [f'  {example}' for example in group['examples']]
        if group['count'] > MAX_EXAMPLES:
            lines.append(f'  ... and {group["count"] - MAX_EXAMPLES} more')
    data = report.to_dict()
    verdict = 'can be used' if report.ok else 'CANNOT be used as it is'
    checked = '' if report.image_dir is not None else ' (images not checked: no image directory)'
    lines += ['', f'{data["errors"]} errors, {data["warnings"]} warnings: {verdict}{checked}']
    return '\n'.join(lines)


def _rows(report: DatasetReport) -> list[list[str]]:
    header = ['id', 'category', 'instances', 'dropped']
    with_images = bool(report.image_states)  # not where the directory is not there
    header += ['images', 'missing', 'broken', 'size'] if with_images else []
    header += ['K', 'base', 'links', 'unlinked', 'v=0', 'v=1', 'v=2', 'outside']
    rows = [header]
    for c in report.categories.values():
        row = [str(c.id), c.name, str(c.instances), str(sum(c.dropped.values()))]
        if with_images:
            row += [str(c.image_states[state]) for state in IMAGE_STATES]
        row += ['-' if c.num_keypoints is None else str(c.num_keypoints), c.skeleton_base]
        row += [str(c.num_links), str(c.unlinked)]
        row += [f'{share:.1%}' for share in c.visibility_shares()]
        row.append(str(c.points_outside))
        rows.append(row)
    return rows


def _format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns aligned by spaces: names to the left, everything else to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i == 1 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append('  '.join(cells).rstrip())
    lines.insert(1, '  '.join('-' * width for width in widths))
    return lines
