"""Fuzz targets: ``make fuzz`` lets coverage guide them, ``test_targets`` runs them over their seeds and kept inputs.

A target takes bytes that it reads as choices and a payload, and raises AssertionError where a promise is broken.
"""
