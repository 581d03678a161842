"""Runnable reference implementations of Mixture-of-Experts designs.

Importing this package, or its `catalogue`, does not import torch: a catalogue can be listed on a machine
that cannot train. See `python -m reference_impls --help`.
"""

__version__ = "0.1.0"
