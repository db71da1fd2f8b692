//! Deleting users and leads: `DELETE /users?email=`, `DELETE /users?user_id=`, `DELETE /leads?email=`.
//!
//! It removes the contact with its conversations and cannot be undone (single source). A contact that is not there is
//! deleted already: the answer to that is unknown, so both "User doesn't exist" and a 404 count.

use super::contact::ContactKind;
use super::email::email_of;
use super::item::{Item, Lookup};
use super::options::Options;
use super::readback::{Contact, not_it};
use super::record::{Fields, Refused, name_of};
use super::shape::{Extra, one_of, required};
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;

/// Deletes contacts, one by one.
#[derive(Debug)]
pub(super) struct Delete {
    contact: ContactKind,
    by: By,
    extra: Extra,
}

/// Which identifier names the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The one that the record has.
    Either,
    Email,
    UserId,
}

impl Delete {
    /// Reads the options.
    pub(super) fn from_options(contact: ContactKind, options: &mut Options<'_>) -> Self {
        let by = match contact {
            ContactKind::Lead => By::Email,
            ContactKind::User => {
                let words = [("either", By::Either), ("email", By::Email), ("user_id", By::UserId)];
                options.choice("id_field", &words)
            }
        };
        Delete { contact, by, extra: Extra::from_options(options) }
    }
}

impl Writer for Delete {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let known: &[&str] = match self.by {
            By::Either => &["email", "user_id"],
            By::Email => &["email"],
            By::UserId => &["user_id"],
        };
        let fields = self.extra.only(Fields::parse(text)?, known, left_out)?;
        let email = email_of(&fields, "email")?;
        let user_id = name_of(&fields, "user_id")?;
        let (by, value) = match self.by {
            By::Either => one_of(vec![("email", email), ("user_id", user_id)])?,
            By::Email => ("email", required(email, "email")?),
            By::UserId => ("user_id", required(user_id, "user_id")?),
        };
        let mut item = Box::<Item>::default();
        item.key = Some(format!("{by} {value}"));
        item.lookup = Some(Lookup::contact(self.contact.path(), by, &value));
        item.query = vec![(by.to_owned(), value)];
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.delete(self.contact.path(), &items[0].query(), None)
    }

    fn path_names_record(&self) -> bool {
        true
    }

    fn is_done_if_unknown(&self) -> bool {
        true
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("deleted", data)
    }

    fn settle(&self, item: &Item, found: Option<&str>) -> Settled {
        match found {
            None => Settled::Done("already"),
            Some(found) if Contact::read(item, found).is_some() => Settled::NotDone,
            Some(_) => not_it(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, said, settle, write};
    use crate::bindings::http::Response;
    use crate::transport::testing::answer;

    fn check(
        operation: &str,
        options: &str,
        record: &str,
        response: &Response,
        expected: (&str, &str),
    ) {
        let (outcomes, _, lines) =
            write(&batch(operation, options, &[record]), |_| Ok(response.clone()));
        assert_eq!((outcomes[0].as_str(), lines.join("; ").as_str()), expected, "{record}");
    }

    #[test]
    fn a_contact_is_deleted_by_either_identifier_in_the_query() {
        let done = || answer(200, r#"{"data":[]}"#);
        check(
            "users.delete",
            "{}",
            r#"{"email":"a+b@x.co"}"#,
            &done(),
            ("accepted deleted", "DELETE /v1/users?email=a+b@x.co"),
        );
        check(
            "users.delete",
            "{}",
            r#"{"user_id":"u 1"}"#,
            &done(),
            ("accepted deleted", "DELETE /v1/users?user_id=u 1"),
        );
        check(
            "leads.delete",
            "{}",
            r#"{"email":"a@x.co"}"#,
            &done(),
            ("accepted deleted", "DELETE /v1/leads?email=a@x.co"),
        );
    }

    #[test]
    fn two_identifiers_are_refused_unless_an_option_chooses() {
        let both = r#"{"email":"a@x.co","user_id":"u1"}"#;
        let done = || answer(200, "{}");
        check("users.delete", "{}", both, &done(), ("invalid ambiguous-key /user_id", ""));
        check("users.delete", "{}", "{}", &done(), ("invalid required", ""));
        check("leads.delete", "{}", both, &done(), ("invalid unknown-field /user_id", ""));
        check(
            "users.delete",
            r#"{"id_field":"user_id","extra_fields":"leave-out"}"#,
            both,
            &done(),
            ("accepted deleted", "DELETE /v1/users?user_id=u1"),
        );
    }

    #[test]
    fn a_contact_that_is_not_there_is_deleted_already() {
        let record = r#"{"email":"a@x.co"}"#;
        for response in [
            answer(500, &said("User doesn't exist")),
            answer(200, &said("User doesn't exist")),
            answer(404, ""),
        ] {
            let line = "DELETE /v1/users?email=a@x.co";
            check("users.delete", "{}", record, &response, ("accepted already", line));
        }
    }

    #[test]
    fn settling_a_delete_looks_whether_the_contact_is_there() {
        let batch = batch("users.delete", "{}", &[r#"{"email":"a@x.co"}"#]);
        let check = |response: &Response, expected: &str| {
            let (outcomes, _, lines) = settle(&batch, |_| Ok(response.clone()));
            assert_eq!((outcomes[0].as_str(), lines.len()), (expected, 1));
        };
        check(&answer(500, &said("User doesn't exist")), "accepted already");
        check(&answer(200, r#"{"data":{"email":"A@x.co"}}"#), "deferred");
        check(&answer(200, r#"{"data":[]}"#), "unknown unsettled");
    }
}
