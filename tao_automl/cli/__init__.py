"""The command line `tao-automl`. Modules here import the rest of the package inside their commands, to start fast."""
