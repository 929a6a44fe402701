"""The whole report as JSON, the same content with its structure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from smkd_cli.report.formats.contract import Format
from smkd_cli.report.tables import Column, Report, Table, TableCell, difference
from smkd_cli.words import in_json

SCHEMA = "smkd/report/1"


def render(report: Report) -> str:
    """The report as one JSON document; numbers are not rounded."""
    document = {
        "schema": SCHEMA,
        "tables": [_table(table) for table in report.tables],
        "notes": report.notes,
        "warnings": report.warnings,
    }
    return in_json(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _table(table: Table) -> dict[str, Any]:
    facts = {name: getattr(table, name) for name in ("name", "title", "protocol", "setting", "corner", "metric")}
    rows = [
        {
            "label": row.label,
            "cells": [_cell(cell, column, table.metric) for cell, column in zip(row.cells, table.columns, strict=True)],
        }
        for row in table.rows
    ]
    return {**facts, "columns": [asdict(column) for column in table.columns], "rows": rows, "notes": table.notes}


def _cell(cell: TableCell, column: Column, metric: str) -> dict[str, Any]:
    return {
        "column": f"{column.group} {column.label}".strip(),
        "status": cell.status,
        "label": cell.label,
        "method": cell.method,
        "noise": {"kind": cell.noise, "rate": cell.rate},
        "scores": {name: asdict(summary) for name, summary in cell.summaries.items()},
        "paper": cell.paper,
        "difference": difference(cell, metric),
        "best_two": cell.top,
        "oracle": cell.oracle,
    }


FORMAT = Format(name="json", extension=".json", render=render)
