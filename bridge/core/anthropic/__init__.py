"""All knowledge of the Anthropic Messages wire format."""
