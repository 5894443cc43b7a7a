"""Findings and reports: verdicts for each clause, expected deviations, HTML, JSON and JUnit."""
