//! The host of the connector: command line, web page, and the Airbyte and Singer protocols.
