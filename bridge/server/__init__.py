"""The HTTP server: endpoints, streaming, admission, and the process around them."""
