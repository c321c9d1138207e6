"""Calls to upstreams: the HTTP client, its pools, attempts and their clocks, the built-in demo."""
