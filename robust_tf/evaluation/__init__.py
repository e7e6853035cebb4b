"""Evaluation: runs attacks over a data set, keeps its state, writes a result, prints a table."""
