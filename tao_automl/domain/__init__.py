"""The pure core: types and rules. No file, process, clock or shared random state is touched from here."""
