"""The engine: observe, link, plan, intend, send, confirm, settle. Knows sides by what they can do, never by name."""
