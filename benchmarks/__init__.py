"""Benchmarks: two things side by side in one run, reported as ratios; nothing here is asserted in a timed test."""
