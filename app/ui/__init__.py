"""What the pages share: the knowledge base, headings, links, tables of records, sources, claims, charts.

Record text never reaches the browser as markup: it passes `plain`, or goes into a table cell.
"""

# ruff: noqa: F401

from .address import in_address
from .audit import issues
from .base import cached, empty, header, knowledge_base, plain, stale_banner
from .charts import PLOTLY, chart, graph, inline_latex, latex, point_clicked, related_records
from .links import (
    asked,
    bibtex_box,
    cites,
    edit_link,
    is_web,
    open_record,
    outside,
    page,
    page_link,
    problem,
    record_link,
    source_name,
    source_text,
    source_url,
)
from .tables import TAGS, claims_table, compared, differing, provenance, record_table, user_line
