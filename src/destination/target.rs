//! Which targets and operations there are.

use super::contact::{ContactKind, PER_REQUEST, Upsert};
use super::options::Options;
use super::writer::Writer;
use crate::bindings::destination::{Effect, Operation, Target};

/// The operation of this name, with its options; none if there is no such operation.
pub(super) fn writer(
    target: &str,
    operation: &str,
    options: &mut Options,
) -> Option<Box<dyn Writer>> {
    Some(match (target, operation) {
        ("users", "upsert") => Box::new(Upsert::from_options(ContactKind::User, options)),
        ("leads", "upsert") => Box::new(Upsert::from_options(ContactKind::Lead, options)),
        _ => return None,
    })
}

/// Every target.
pub(super) fn all() -> Vec<Target> {
    vec![users(), leads()]
}

fn users() -> Target {
    Target {
        name: "users".into(),
        title: "Users".into(),
        description: "Contacts that signed up.".into(),
        operations: vec![Operation {
            name: "upsert".into(),
            title: "Create or update".into(),
            description: UPSERT.into(),
            effect: Effect::Upsert,
            schema: include_str!("schemas/user.json").into(),
            keys: keys(&[&["email"]]),
            batch: u32::try_from(PER_REQUEST).expect("it is small"),
            repeat_safe: true,
            settles: true,
            confirm: false,
            options: include_str!("schemas/contact-options.json").into(),
        }],
    }
}

fn leads() -> Target {
    Target {
        name: "leads".into(),
        title: "Leads".into(),
        description: "Contacts that have not signed up.".into(),
        operations: vec![Operation {
            name: "upsert".into(),
            title: "Create or update".into(),
            description: UPSERT.into(),
            effect: Effect::Upsert,
            schema: include_str!("schemas/lead.json").into(),
            keys: keys(&[&["email"]]),
            batch: u32::try_from(PER_REQUEST).expect("it is small"),
            repeat_safe: true,
            settles: true,
            confirm: false,
            options: include_str!("schemas/contact-options.json").into(),
        }],
    }
}

const UPSERT: &str = "Creates the contact of an e-mail, or updates the fields that are given (confirmed). Fields that are left out keep their value (inferred). Up to 50 in one request, as a production client sends them (single source).";

fn keys(sets: &[&[&str]]) -> Vec<Vec<String>> {
    sets.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect()).collect()
}
