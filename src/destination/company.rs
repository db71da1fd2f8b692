//! Companies: setting their custom properties, `POST /company/add-attributes/{company_id}` (single source).
//!
//! The API can write companies, but has no call to read one back.

use std::borrow::Cow;

use super::contact::properties_of;
use super::item::Item;
use super::options::Options;
use super::property::{Rules, text_fault};
use super::record::{Fields, Kind, Refused, at, id_of, kind, refused};
use super::shape::{Extra, body, required};
use super::user::as_segment;
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;

/// Sets custom properties of companies, and renames them.
#[derive(Debug)]
pub(super) struct SetAttributes {
    rules: Rules,
    extra: Extra,
}

impl SetAttributes {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        SetAttributes { rules: Rules::from_options(options), extra: Extra::from_options(options) }
    }
}

impl Writer for SetAttributes {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let known = ["company_id", "company_name", "attributes"];
        let fields = self.extra.only(Fields::parse(text)?, &known, left_out)?;
        let company_id = required(id_of(&fields, "company_id")?, "company_id")?;
        check_name(&fields)?;
        let mut name = None;
        let mut properties = None;
        for (field, value) in fields.0 {
            match field.as_ref() {
                "company_name" if !self.rules.leaves_out(&value) => name = Some(value),
                "attributes" => properties = properties_of(value)?,
                _ => {}
            }
        }
        let properties = match properties {
            Some(properties) => {
                let mut left_out = |pointer: &str| left_out.count(pointer);
                Some(self.rules.apply("/attributes", properties, &mut left_out)?)
            }
            None => None,
        };
        let properties = properties.filter(|properties| !properties.0.is_empty());
        if name.is_none() && properties.is_none() {
            let message = "There is nothing to set: the record has neither a name nor a property.";
            return Err(refused(None, "required", message));
        }
        let properties = properties.as_ref().map(Fields::to_json);
        let mut item = Box::<Item>::default();
        item.path = format!("/company/add-attributes/{}", as_segment(&company_id, "company_id")?);
        item.body =
            Some(body(&[("company_name", name.as_deref()), ("attributes", properties.as_deref())]));
        item.key = Some(company_id);
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.request("POST", &items[0].path, &[], items[0].text())
    }

    fn path_names_record(&self) -> bool {
        true
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("updated", data)
    }

    fn settle(&self, _: &Item, _: Option<&str>) -> Settled {
        not_read_back()
    }
}

/// What is said of everything that concerns companies.
pub(super) fn not_read_back() -> Settled {
    Settled::Unknown("The API has no call to read a company back.".to_owned())
}

/// Checks `company_name`.
pub(super) fn check_name(fields: &Fields<'_>) -> Result<(), Refused> {
    const FIELD: &str = "company_name";
    let Some(value) = fields.get(FIELD).filter(|value| kind(value) != Kind::Null) else {
        return Ok(());
    };
    if kind(value) != Kind::Text {
        return Err(at(FIELD, "type", "is not a text"));
    }
    match text_fault(value) {
        Some((code, fault)) => Err(at(FIELD, code, &fault)),
        None => Ok(()),
    }
}

/// Checks `company_attributes`: an object of properties, or a list, as the call's only description types it. What
/// stands in such a list is unknown, so it is sent as it came.
pub(super) fn attributes<'a>(
    rules: &Rules,
    value: Cow<'a, str>,
    left_out: &mut LeftOut,
) -> Result<Cow<'a, str>, Refused> {
    const FIELD: &str = "company_attributes";
    match (kind(&value), value) {
        (Kind::Array | Kind::Null, value) => Ok(value),
        (Kind::Object, Cow::Borrowed(object)) => {
            let properties = Fields::of_object(object).unwrap_or_default();
            let mut left_out = |pointer: &str| left_out.count(pointer);
            let properties = rules.apply(&format!("/{FIELD}"), properties, &mut left_out)?;
            Ok(Cow::Owned(properties.to_json()))
        }
        _ => Err(at(FIELD, "type", "is neither an object nor a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, settle, write};
    use crate::transport::testing::answer;

    fn check(record: &str, expected: (&str, &str)) {
        let (outcomes, _, lines) =
            write(&batch("companies.set-attributes", "{}", &[record]), |_| {
                Ok(answer(200, r#"{"data":[]}"#))
            });
        assert_eq!((outcomes[0].as_str(), lines.join("; ").as_str()), expected, "{record}");
    }

    #[test]
    fn a_company_is_named_in_the_path_and_set_by_the_body() {
        check(
            r#"{"company_id":"c/7","attributes":{"tier":"gold"},"company_name":"Acme AB"}"#,
            (
                "accepted updated",
                r#"POST /v1/company/add-attributes/c%2F7 {"company_name":"Acme AB","attributes":{"tier":"gold"}}"#,
            ),
        );
        check(
            r#"{"company_id":7,"company_name":"Acme"}"#,
            ("accepted updated", r#"POST /v1/company/add-attributes/7 {"company_name":"Acme"}"#),
        );
    }

    #[test]
    fn a_record_that_sets_nothing_is_refused() {
        for record in [r#"{"company_id":"c"}"#, r#"{"company_id":"c","attributes":{}}"#] {
            check(record, ("invalid required", ""));
        }
        check(r#"{"company_name":"Acme"}"#, ("invalid required /company_id", ""));
        check(r#"{"company_id":"..","company_name":"A"}"#, ("invalid path /company_id", ""));
        check(r#"{"company_id":"c","company_name":7}"#, ("invalid type /company_name", ""));
    }

    #[test]
    fn a_company_cannot_be_read_back() {
        let record = r#"{"company_id":"c","company_name":"Acme"}"#;
        let (outcomes, _, lines) =
            settle(&batch("companies.set-attributes", "{}", &[record]), |_| Ok(answer(200, "")));
        assert_eq!((outcomes[0].as_str(), lines.len()), ("unknown cannot-be-told", 0));
    }
}
