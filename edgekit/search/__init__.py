"""Searches the ranges a recipe declares: every trial is an ordinary run with some of its settings changed."""
