//! The calls for one user: unsubscribing, and setting custom properties (single source each).

use super::contact::properties_of;
use super::email::email_of;
use super::item::{Item, Lookup};
use super::options::Options;
use super::path::segment;
use super::property::Rules;
use super::readback::{Contact, not_it};
use super::record::{Fields, Refused, at, id_of, is_whole, name_of};
use super::shape::{Extra, body, required};
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;

/// Marks users as unsubscribed: `POST /users/unsubscribe/{id}`, without a body.
///
/// Which id the API means is uncertain: its only description types it as an integer, as `crmhero_user_id` is, while
/// the other calls take the text `user_id`. The option `id_field` chooses.
#[derive(Debug)]
pub(super) struct Unsubscribe {
    id_field: &'static str,
    extra: Extra,
}

impl Unsubscribe {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        let words = ["crmhero_user_id", "user_id"].map(|name| (name, name));
        Unsubscribe {
            id_field: options.choice("id_field", &words),
            extra: Extra::from_options(options),
        }
    }
}

impl Writer for Unsubscribe {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let known = ["crmhero_user_id", "user_id", "email"];
        let fields = self.extra.only(Fields::parse(text)?, &known, left_out)?;
        let email = email_of(&fields, "email")?;
        let user_id = id_of(&fields, "user_id")?;
        let id = required(id_of(&fields, self.id_field)?, self.id_field)?;
        if self.id_field == "crmhero_user_id" && !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(at(self.id_field, "type", "is not a whole number"));
        }
        let lookup = match (&email, &user_id) {
            (_, Some(user_id)) if self.id_field == "user_id" => {
                Some(Lookup::contact("/users", "user_id", user_id))
            }
            (Some(email), _) => Some(Lookup::contact("/users", "email", email)),
            (None, Some(user_id)) => Some(Lookup::contact("/users", "user_id", user_id)),
            (None, None) => None,
        };
        let mut item = Box::<Item>::default();
        item.path = format!("/users/unsubscribe/{}", as_segment(&id, self.id_field)?);
        item.key = Some(id);
        item.lookup = lookup;
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.request("POST", &items[0].path, &[], None)
    }

    fn path_names_record(&self) -> bool {
        true
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("updated", data)
    }

    fn settle(&self, item: &Item, found: Option<&str>) -> Settled {
        let Some(found) = found else {
            return Settled::NotDone;
        };
        let Some(contact) = Contact::read(item, found) else {
            return not_it();
        };
        let is_it = item.key.as_deref().is_some_and(|id| contact.is_named(self.id_field, id));
        match contact.flag("unsubscribe") {
            _ if !is_it => not_it(),
            Some(true) => Settled::Done("updated"),
            Some(false) => Settled::NotDone,
            None => Settled::Unknown("The contact does not say whether it is unsubscribed.".into()),
        }
    }
}

/// Sets custom properties of users: `POST /users/add-attributes/{user_id}`.
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
        let fields = self.extra.only(Fields::parse(text)?, &["user_id", "attributes"], left_out)?;
        let user_id = required(id_of(&fields, "user_id")?, "user_id")?;
        let given = fields.0.into_iter().find(|(name, _)| name == "attributes");
        let properties = match given {
            Some((_, value)) => properties_of(value)?.unwrap_or_default(),
            None => Fields::default(),
        };
        let properties = self.rules.apply("/attributes", properties, &mut |pointer: &str| {
            left_out.count(pointer);
        })?;
        if properties.0.is_empty() {
            return Err(at("attributes", "required", "has no property to set"));
        }
        let mut item = Box::<Item>::default();
        item.path = format!("/users/add-attributes/{}", as_segment(&user_id, "user_id")?);
        item.body = Some(body(&[("attributes", Some(&properties.to_json()))]));
        item.lookup = Some(Lookup::contact("/users", "user_id", &user_id));
        item.key = Some(user_id);
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

    fn settle(&self, item: &Item, found: Option<&str>) -> Settled {
        let Some(found) = found else {
            return Settled::NotDone;
        };
        let Some(contact) = Contact::read(item, found) else {
            return not_it();
        };
        let sent = item.fields();
        let properties = sent.get("attributes").and_then(Fields::of_object).unwrap_or_default();
        if contact.has_properties(&properties) {
            Settled::Done("updated")
        } else {
            Settled::NotDone
        }
    }
}

/// Links users to companies: `POST /users/add-to-company`, which creates a company that is new.
#[derive(Debug)]
pub(super) struct AddToCompany {
    rules: Rules,
    extra: Extra,
}

impl AddToCompany {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        AddToCompany { rules: Rules::from_options(options), extra: Extra::from_options(options) }
    }
}

impl Writer for AddToCompany {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        const KNOWN: [&str; 6] = [
            "company_id",
            "company_name",
            "company_attributes",
            "internal_user_id",
            "user_id",
            "email",
        ];
        let fields = self.extra.only(Fields::parse(text)?, &KNOWN, left_out)?;
        let company_id = required(name_of(&fields, "company_id")?, "company_id")?;
        super::company::check_name(&fields)?;
        if fields.get("internal_user_id").is_some_and(|id| id != "null" && !is_whole(id)) {
            return Err(at("internal_user_id", "type", "is not a whole number"));
        }
        let (by, value) = one_of_users(&fields)?;
        let mut sent = Fields::default();
        for (name, value) in fields.0 {
            match name.as_ref() {
                "internal_user_id" | "user_id" | "email" if name != by => {}
                "company_attributes" => {
                    let value = super::company::attributes(&self.rules, value, left_out)?;
                    sent.push(name, value);
                }
                _ if self.rules.leaves_out(&value) => {}
                _ => sent.push(name, value),
            }
        }
        let mut item = Box::<Item>::default();
        item.path = "/users/add-to-company".into();
        item.key = Some(format!("{by} {value}\n{company_id}"));
        item.body = Some(sent.to_json());
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.request("POST", &items[0].path, &[], items[0].text())
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("updated", data)
    }

    fn settle(&self, _: &Item, _: Option<&str>) -> Settled {
        super::company::not_read_back()
    }
}

fn one_of_users(fields: &Fields<'_>) -> Result<(&'static str, String), Refused> {
    super::shape::one_of(vec![
        ("internal_user_id", id_of(fields, "internal_user_id")?),
        ("user_id", name_of(fields, "user_id")?),
        ("email", email_of(fields, "email")?),
    ])
}

/// An id as a segment of a path.
pub(super) fn as_segment(id: &str, field: &str) -> Result<String, Refused> {
    segment(id).ok_or_else(|| at(field, "path", "cannot be part of a path"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, said, settle, write};
    use crate::transport::testing::answer;

    fn check(operation: &str, options: &str, record: &str, expected: (&str, &str)) {
        let (outcomes, _, lines) =
            write(&batch(operation, options, &[record]), |_| Ok(answer(200, r#"{"data":[]}"#)));
        assert_eq!((outcomes[0].as_str(), lines.join("; ").as_str()), expected, "{record}");
    }

    fn check_settled(operation: &str, record: &str, contact: &str, expected: &str) {
        let (outcomes, ..) = settle(&batch(operation, "{}", &[record]), |_| {
            Ok(answer(200, &format!(r#"{{"data":{contact}}}"#)))
        });
        assert_eq!(outcomes, [expected], "{contact}");
    }

    #[test]
    fn a_user_is_unsubscribed_by_the_id_that_the_option_chooses() {
        let both = r#"{"crmhero_user_id":7,"user_id":"u/1"}"#;
        let by = |id: &str| format!(r#"{{"id_field":"{id}"}}"#);
        check(
            "users.unsubscribe",
            "{}",
            both,
            ("accepted updated", "POST /v1/users/unsubscribe/7"),
        );
        check(
            "users.unsubscribe",
            &by("user_id"),
            both,
            ("accepted updated", "POST /v1/users/unsubscribe/u%2F1"),
        );
        check(
            "users.unsubscribe",
            "{}",
            r#"{"user_id":"u1"}"#,
            ("invalid required /crmhero_user_id", ""),
        );
        check(
            "users.unsubscribe",
            "{}",
            r#"{"crmhero_user_id":"u1"}"#,
            ("invalid type /crmhero_user_id", ""),
        );
        check(
            "users.unsubscribe",
            &by("user_id"),
            r#"{"user_id":".."}"#,
            ("invalid path /user_id", ""),
        );
    }

    #[test]
    fn whether_a_user_is_unsubscribed_is_read_back_where_it_can_be() {
        let record = r#"{"crmhero_user_id":7,"email":"a@x.co"}"#;
        let check = |contact: &str, expected: &str| {
            check_settled("users.unsubscribe", record, contact, expected);
        };
        check(r#"{"crmhero_user_id":7,"email":"a@x.co","unsubscribe":1}"#, "accepted updated");
        check(r#"{"crmhero_user_id":7,"email":"a@x.co","unsubscribe":0}"#, "deferred");
        check(r#"{"crmhero_user_id":7,"email":"a@x.co"}"#, "unknown unsettled");
        check(r#"{"crmhero_user_id":8,"email":"a@x.co","unsubscribe":1}"#, "unknown unsettled");
        let (outcomes, _, lines) =
            settle(&batch("users.unsubscribe", "{}", &[r#"{"crmhero_user_id":7}"#]), |_| {
                panic!("there is nothing to read it back by")
            });
        assert_eq!((outcomes[0].as_str(), lines.len()), ("unknown cannot-be-told", 0));
    }

    #[test]
    fn properties_are_checked_and_set_by_user_id() {
        check(
            "users.set-attributes",
            "{}",
            r#"{"user_id":"a b","attributes":{"plan":"pro","n":1.0}}"#,
            (
                "accepted updated",
                r#"POST /v1/users/add-attributes/a%20b {"attributes":{"plan":"pro","n":1.0}}"#,
            ),
        );
        for (record, expected) in [
            (r#"{"user_id":"u"}"#, "invalid required /attributes"),
            (r#"{"user_id":"u","attributes":{}}"#, "invalid required /attributes"),
            (r#"{"user_id":"u","attributes":[1]}"#, "invalid type /attributes"),
            (r#"{"user_id":"u","attributes":{"a b":1}}"#, "invalid property-name /attributes/a b"),
            (r#"{"attributes":{"a":1}}"#, "invalid required /user_id"),
            (r#"{"user_id":"u","attributes":{"a":1},"name":"x"}"#, "invalid unknown-field /name"),
        ] {
            check("users.set-attributes", "{}", record, (expected, ""));
        }
    }

    #[test]
    fn properties_are_read_back_under_either_name() {
        let record = r#"{"user_id":"u1","attributes":{"plan":"pro"}}"#;
        let check = |contact: &str, expected: &str| {
            check_settled("users.set-attributes", record, contact, expected);
        };
        check(r#"{"user_id":"u1","attributes":{"plan":"pro","x":1}}"#, "accepted updated");
        check(r#"{"user_id":"u1","custom":{"plan":"pro"}}"#, "accepted updated");
        check(r#"{"user_id":"u1","attributes":[]}"#, "deferred");
        check(r#"{"user_id":"U1","attributes":{"plan":"pro"}}"#, "unknown unsettled");
    }

    #[test]
    fn a_user_is_linked_by_exactly_one_identifier() {
        let line = "POST /v1/users/add-to-company ";
        for record in [
            r#"{"company_id":"c","company_attributes":{"tier":"gold"},"internal_user_id":7}"#,
            r#"{"company_id":"c","company_attributes":[["tier"]],"user_id":"u1"}"#,
            r#"{"company_id":"c","company_name":"Acme","email":"a@x.co"}"#,
        ] {
            let expected = ("accepted updated", format!("{line}{record}"));
            check("users.add-to-company", "{}", record, (expected.0, &expected.1));
        }
        for (record, expected) in [
            (r#"{"company_id":"c"}"#, "invalid required"),
            (r#"{"user_id":"u"}"#, "invalid required /company_id"),
            (r#"{"company_id":7,"user_id":"u"}"#, "invalid type /company_id"),
            (
                r#"{"company_id":"c","user_id":"u","email":"a@x.co"}"#,
                "invalid ambiguous-key /email",
            ),
            (r#"{"company_id":"c","internal_user_id":"u"}"#, "invalid type /internal_user_id"),
            (
                r#"{"company_id":"c","user_id":"u","company_attributes":{"a":{}}}"#,
                "invalid nested /company_attributes/a",
            ),
            (
                r#"{"company_id":"c","user_id":"u","company_attributes":7}"#,
                "invalid type /company_attributes",
            ),
        ] {
            check("users.add-to-company", "{}", record, (expected, ""));
        }
    }

    #[test]
    fn a_user_that_does_not_exist_is_a_rejection() {
        let record = r#"{"user_id":"u1","attributes":{"a":1}}"#;
        for response in [answer(500, &said("User doesn't exist")), answer(404, "")] {
            let (outcomes, ..) =
                write(&batch("users.set-attributes", "{}", &[record]), |_| Ok(response.clone()));
            assert_eq!(outcomes, ["rejected not-found"]);
        }
    }
}
