"""All knowledge of the OpenAI chat completions wire format."""
