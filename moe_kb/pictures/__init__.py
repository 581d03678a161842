"""Pictures as SVG, drawn from records alone: text that can be read, found, printed and shown on a dark page."""
