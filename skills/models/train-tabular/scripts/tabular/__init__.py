"""Gradient boosting, forests, neural networks and linear models on tables, trained one epoch at a time.

Nothing is imported here, and scikit-learn only by the modules that fit or load a model: a wrong spec is reported
without waiting for it.
"""
