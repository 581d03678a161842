"""Pictures as SVG: how a design routes, and how designs grew out of each other."""
