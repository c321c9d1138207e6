"""All knowledge of tool calls written as text: one generic engine, formats as data."""
