"""Text as LaTeX prints it."""

from __future__ import annotations

_SPECIAL = {
    "\\": r"\textbackslash{}",
    # BibTeX counts braces without looking for a backslash before them.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
#: Signs of mathematics that the standard fonts of text lack.
_SIGNS = {
    "≠": r"$\neq$", "≤": r"$\leq$", "≥": r"$\geq$", "×": r"$\times$", "±": r"$\pm$", "−": "$-$", "→": r"$\to$",
    "←": r"$\leftarrow$", "∞": r"$\infty$", "≈": r"$\approx$", "·": r"$\cdot$", "²": "$^2$", "³": "$^3$",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "λ": r"$\lambda$", "μ": r"$\mu$", "µ": r"$\mu$",
    "σ": r"$\sigma$", "τ": r"$\tau$", "Σ": r"$\Sigma$",
}  # fmt: skip


def escape_bibtex(text: str) -> str:
    """Text of a BibTeX field: special signs escaped, all else as it is."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)


def escape(text: str) -> str:
    """Text of a document: special signs escaped, signs of mathematics in formulas."""
    return "".join(_SPECIAL.get(sign) or _SIGNS.get(sign, sign) for sign in text)
