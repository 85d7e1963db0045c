"""Where jobs run. Each module that implements `PlatformSDK` is found by entry point; nothing is imported here."""
