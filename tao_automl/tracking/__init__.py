"""What is shown of a run elsewhere: experiment trackers behind one port, and exports of its trials."""
