//! The contract; the only file that touches generated code.

// The generator's output is exempt from the lints of this workspace.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]
mod generated {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "connector",
        pub_export_macro: true,
        default_bindings_module: "crate::bindings::generated",
    });
}

pub use generated::data_connector::plugin::http;
pub use generated::exports::data_connector::plugin::{
    credentials, description, destination, source, types,
};

#[cfg(target_arch = "wasm32")]
#[allow(unreachable_pub, unsafe_code)]
mod component {
    use super::{Hostile, generated};

    generated::export!(Hostile with_types_in generated);
}

/// Carries out the script.
pub struct Hostile;
