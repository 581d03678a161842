"""What the pages share: the knowledge base, headings, links, tables of records, sources, claims, charts.

Record text never reaches the browser as markup: it passes `plain`, or goes into a table cell.
"""

from .address import in_address
from .audit import issues
from .base import (
    cached,
    empty,
    header,
    knowledge_base,
    plain,
    stale_banner,
)
from .charts import (
    PLOTLY,
    chart,
    graph,
    inline_latex,
    latex,
    point_clicked,
    related_records,
)
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
from .tables import (
    TAGS,
    claims_table,
    compared,
    differing,
    provenance,
    record_table,
    user_line,
)

__all__ = [
    "PLOTLY",
    "TAGS",
    "asked",
    "bibtex_box",
    "cached",
    "chart",
    "cites",
    "claims_table",
    "compared",
    "differing",
    "edit_link",
    "empty",
    "graph",
    "header",
    "in_address",
    "inline_latex",
    "is_web",
    "issues",
    "knowledge_base",
    "latex",
    "open_record",
    "outside",
    "page",
    "page_link",
    "plain",
    "point_clicked",
    "problem",
    "provenance",
    "record_link",
    "record_table",
    "related_records",
    "source_name",
    "source_text",
    "source_url",
    "stale_banner",
    "user_line",
]
