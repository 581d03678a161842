"""What the pages share: the knowledge base, headings, links, tables of records, sources, claims, charts.

Record text never reaches the browser as markup: it passes `plain`, or goes into a table cell.
"""

# ruff: noqa: F401  what the pages take from here

from .address import addressed, in_address, listed, unlisted
from .audit import issues
from .base import cached, empty, header, knowledge_base, plain, some, stale_banner
from .charts import PLOTLY, chart, graph, inline_latex, latex, related_records
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
    record_link,
    record_text,
    source_name,
    source_text,
    source_url,
    sourced,
    superseded,
)
from .pictures import comparison, gallery, lineage, picture
from .tables import (
    MOST,
    TAGS,
    claims_table,
    compare_button,
    compared,
    copies,
    data_table,
    differing,
    every_claim,
    provenance,
    record_table,
    text_table,
    user_line,
)
from .widgets import csv_button, pills, rows_csv, search, segmented, select, several
