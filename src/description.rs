//! What the connector is and may reach.

use crate::api::ORIGIN;
use crate::bindings::description::{Descriptor, SecretSlot};
use crate::settings::API_KEY;

/// Format of the states that this version writes.
pub const STATE_FORMAT: u32 = 1;

/// Oldest format of a state that this version can go on from.
pub const OLDEST_STATE: u32 = 1;

/// Describes the connector. No rate is published, so none is declared.
pub fn describe() -> Descriptor {
    Descriptor {
        id: "customerly".into(),
        name: "Customerly".into(),
        summary: "Reads contacts, tags and help-centre content from a Customerly project, and writes to it.".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        documentation: "https://docs.customerly.io".into(),
        origins: vec![ORIGIN.into()],
        methods: vec!["GET".into(), "POST".into(), "DELETE".into()],
        secrets: vec![SecretSlot {
            name: API_KEY.into(),
            headers: vec!["Authentication".into(), "Authorization".into()],
            query: Vec::new(),
            origins: vec![ORIGIN.into()],
            minted: None,
        }],
        pacing: None,
        reads: true,
        writes: true,
        state_format: STATE_FORMAT,
        oldest_state: OLDEST_STATE,
        metadata: concat!(r#"{"licence":""#, env!("CARGO_PKG_LICENSE"), r#"","category":"customer-support"}"#).into(),
    }
}
