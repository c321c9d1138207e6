"""Configuration: read, merge, check and compile ``routes.toml`` and the parser files, live."""
