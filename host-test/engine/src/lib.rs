//! Runs a connector component in wasmtime and supplies its one capability, HTTP.
