"""Throughput and cost of the proxy beside nginx: see README.md."""
