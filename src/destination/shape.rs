//! Records of which every field is known: what else stands in one is refused, or left out by an option.

use std::borrow::Cow;

use super::options::Options;
use super::record::{Fields, Refused, at, refused};
use super::writer::LeftOut;
use crate::failure::pointer;

/// What becomes of fields that an operation does not know.
#[derive(Debug)]
pub(super) struct Extra {
    leave_out: bool,
}

impl Extra {
    /// Reads `extra_fields`.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        let words = [("refuse", false), ("leave-out", true)];
        Extra { leave_out: options.choice("extra_fields", &words) }
    }

    /// Keeps the known fields.
    pub(super) fn only<'a>(
        &self,
        fields: Fields<'a>,
        known: &[&str],
        left_out: &mut LeftOut,
    ) -> Result<Fields<'a>, Refused> {
        let mut kept = Fields::default();
        for (name, value) in fields.0 {
            if known.contains(&name.as_ref()) {
                kept.push(name, value);
            } else if self.leave_out {
                left_out.count(&pointer(&name));
            } else {
                let fault = "is no field of this operation: remove it, or set the option `extra_fields` to `leave-out`";
                return Err(at(&name, "unknown-field", fault));
            }
        }
        Ok(kept)
    }
}

/// The one identifier that a record has among several; more than one is refused, since they may disagree.
pub(super) fn one_of(
    found: Vec<(&'static str, Option<String>)>,
) -> Result<(&'static str, String), Refused> {
    let names: Vec<_> = found.iter().map(|(name, _)| format!("`{name}`")).collect();
    let mut given = found.into_iter().filter_map(|(name, value)| Some((name, value?)));
    match (given.next(), given.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let message = format!("The record names nobody: it needs one of {}.", names.join(", "));
            Err(refused(None, "required", message))
        }
        (Some(_), Some((second, _))) => {
            let fault = format!("is one identifier too many: give one of {}", names.join(", "));
            Err(at(second, "ambiguous-key", &fault))
        }
    }
}

/// A field that has to be there.
pub(super) fn required(value: Option<String>, field: &str) -> Result<String, Refused> {
    value.ok_or_else(|| at(field, "required", "is missing"))
}

/// A body of these fields, in this order; those without a value are left away.
pub(super) fn body(fields: &[(&'static str, Option<&str>)]) -> String {
    let mut body = Fields::default();
    for (name, value) in fields {
        if let Some(value) = value {
            body.push(*name, Cow::Borrowed(*value));
        }
    }
    body.to_json()
}
