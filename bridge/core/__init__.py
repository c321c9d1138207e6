"""The pure core: synchronous, without IO, clocks, randomness or logging.

Bytes and values go in, bytes and values come out; time and ids are arguments.
"""
