"""Pictures as SVG, drawn from records alone: how a design routes, a model's layers, the lineage of all designs."""
