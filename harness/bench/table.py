"""Results for people: a table a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from harness.bench.bench import Row
from harness.bench.measure import Ratio


def show(console: Console, title: str, rows: Sequence[Row], before: Sequence[Row] = ()) -> None:
    """One benchmark's rows; with the ratios of `before`, an earlier run, behind them."""
    others = list(dict.fromkeys(name for row in rows for name in row.ratios))
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("case")
    table.add_column("each", justify="right", no_wrap=True)
    for name in others:
        table.add_column(f"to {name}", justify="right")
    table.add_column("", overflow="fold")
    earlier = {(row.case, row.system): row for row in before}
    for row in rows:
        old = earlier.get((row.case, row.system))
        cells = [_ratio(row, name, old) for name in others]
        table.add_row(row.case, duration(row.seconds.median), *cells, row.note)
    console.print(table)
    if aims := _aims(rows):
        console.print(f"[dim]aims: {aims}[/]", highlight=False)
    console.print()


def duration(seconds: float) -> str:
    """With three digits and the unit that suits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _ratio(row: Row, name: str, old: Row | None) -> str:
    ratio = row.ratios.get(name)
    if ratio is None:
        return ""
    value, aim = _number(ratio.value), row.aim.get(name)
    if aim is not None:
        value = f"[{'green' if ratio.value >= aim else 'yellow'}]{value}[/]"
    spread = f" [dim]({_number(ratio.low)}-{_number(ratio.high)})[/]"
    return value + spread + _change(ratio, old.ratios.get(name) if old else None)


def _aims(rows: Sequence[Row]) -> str:
    """Each aim once: for which rows, and beside what."""
    found: dict[tuple[str, float], list[str]] = {}
    for row in rows:
        for name, aim in row.aim.items():
            found.setdefault((name, aim), []).append(_short(row))
    everywhere = len({_short(row) for row in rows})
    listed = {key: list(dict.fromkeys(cases)) for key, cases in found.items()}
    return "; ".join(
        f"{aim:g} to {name}" + (f" ({', '.join(cases)})" if len(cases) < everywhere else "")
        for (name, aim), cases in listed.items()
    )


def _short(row: Row) -> str:
    """The case without the number of its clients."""
    return row.case.partition(", ")[0]


def _change(now: Ratio, before: Ratio | None) -> str:
    """How the ratio compares with the earlier one; a difference inside both spreads is none."""
    if before is None:
        return ""
    apart = now.low > before.high or now.high < before.low
    style = "" if not apart else "green" if now.value > before.value else "red"
    text = f" was {_number(before.value)}"
    return f"[{style}]{text}[/]" if style else text


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
