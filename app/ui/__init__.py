"""What the pages share: the knowledge base, headings, links, tables of records, sources, claims, charts.

Record text never reaches the browser as markup: it passes `plain`, or goes into a table cell.
"""

# ruff: noqa: F401  what the pages take from here

from .address import begin, in_address, listed, parameter, reads, strip, unlisted
from .audit import issues
from .base import cached, empty, header, knowledge_base, plain, some, stale_banner
from .below import below
from .charts import PLOTLY, chart, graph, inline_latex, latex, related_records
from .editor import number_lines
from .gate import code, evidence, gate_of, snippet, use
from .glossary import meaning, term
from .links import (
    address,
    asked,
    bib_button,
    bibtex_box,
    cite_base,
    cite_value,
    cites,
    edit_link,
    is_web,
    json_button,
    open_record,
    outside,
    page,
    page_link,
    papers_line,
    problem,
    record_address,
    record_link,
    record_text,
    search_box,
    search_for,
    source_name,
    source_text,
    source_url,
    sourced,
    superseded,
)
from .pictures import comparison, drawing, gallery, lineage, picture
from .record_table import Column, Marked, cells_of, colours, record_table, value_table
from .shell import Entry, bar, visited
from .tables import (
    MOST,
    claims_table,
    compare_button,
    compared,
    copies,
    data_table,
    differing,
    every_claim,
    provenance,
    text_table,
    user_line,
)
from .widgets import csv_button, pills, rows_csv, search, segmented, select, several
