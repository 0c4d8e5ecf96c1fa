"""Answers from models: many at once, several contestants of one base in one batch, or streamed side by side."""
