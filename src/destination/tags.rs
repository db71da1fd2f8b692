//! Tags: put on contacts or taken off them, `POST /tags`, and dropped from the project, `DELETE /tags`.
//!
//! A tag's name is its identity. The fields of the body are known from a single source, which names users by `user_id`
//! and leads by `email`; that users may be named by e-mail is a guess.

use super::contact::ContactKind;
use super::email::email_of;
use super::item::{Item, Lookup};
use super::options::Options;
use super::readback::{Contact, not_it};
use super::record::{Fields, Refused, at, list, name_of, text};
use super::shape::{Extra, body, one_of, required};
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;
use crate::json::{self, elements, quote};

/// Contacts in one request. No limit is documented; the number is that of contacts written at a time.
pub(super) const PER_REQUEST: u32 = super::contact::PER_REQUEST;

/// Puts a tag on contacts, or takes it off. A record names one tag and one contact; records of one tag share requests.
#[derive(Debug)]
pub(super) struct Tagging {
    untag: bool,
    extra: Extra,
}

impl Tagging {
    /// Reads the options; `untag` takes the tag off.
    pub(super) fn from_options(untag: bool, options: &mut Options<'_>) -> Self {
        Tagging { untag, extra: Extra::from_options(options) }
    }
}

impl Writer for Tagging {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let known = ["tag", "user_id", "email", "contact"];
        let fields = self.extra.only(Fields::parse(text)?, &known, left_out)?;
        let tag = required(name_of(&fields, "tag")?, "tag")?;
        let email = email_of(&fields, "email")?;
        let user_id = name_of(&fields, "user_id")?;
        let (by, value) = one_of(vec![("user_id", user_id), ("email", email)])?;
        let contact = match (name_of(&fields, "contact")?.as_deref(), by) {
            (Some("user"), _) | (None, "user_id") => ContactKind::User,
            (Some("lead") | None, "email") => ContactKind::Lead,
            (Some("lead"), _) => {
                return Err(at("contact", "choice", "is a lead, and leads have no `user_id`"));
            }
            _ => return Err(at("contact", "choice", "is neither `user` nor `lead`")),
        };
        let mut item = Box::<Item>::default();
        item.key = Some(format!("{tag}\n{} {by} {value}", contact.path()));
        item.group = tag;
        item.body = Some(body(&[(by, fields.get(by))]));
        item.lookup = Some(Lookup::contact(contact.path(), by, &value));
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        let mut body = String::new();
        let mut object = json::Writer::new(&mut body);
        quote(&items[0].group, object.name("tag"));
        object.name("untag").push_str(if self.untag { "true" } else { "false" });
        for contact in [ContactKind::User, ContactKind::Lead] {
            let is_one = |item: &&&Item| {
                item.lookup.as_ref().is_some_and(|lookup| lookup.path == contact.path())
            };
            let bodies = items.iter().filter(is_one).filter_map(|item| item.body.as_deref());
            let bodies = list(bodies);
            if bodies != "[]" {
                object.name(contact.wrapper()).push_str(&bodies);
            }
        }
        object.end();
        api.post("/tags", body)
    }

    fn per_request(&self) -> u32 {
        PER_REQUEST
    }

    fn judge(&self, items: &[&Item], _: Option<&str>) -> Vec<Told> {
        items.iter().map(|_| Told::Accepted("unspecified", None)).collect()
    }

    fn settle(&self, item: &Item, found: Option<&str>) -> Settled {
        let Some(found) = found else {
            return if self.untag { Settled::Done("already") } else { Settled::NotDone };
        };
        let Some(contact) = Contact::read(item, found) else {
            return not_it();
        };
        match contact.tags() {
            Some(tags) if tags.contains(&item.group) != self.untag => Settled::Done("unspecified"),
            Some(_) => Settled::NotDone,
            None => Settled::Unknown("The contact's tags cannot be read back.".to_owned()),
        }
    }
}

/// Drops a tag from the project, and so from every contact: `DELETE /tags` with the name in a body (single source).
#[derive(Debug)]
pub(super) struct Drop {
    extra: Extra,
}

impl Drop {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        Drop { extra: Extra::from_options(options) }
    }
}

impl Writer for Drop {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let fields = self.extra.only(Fields::parse(text)?, &["tag"], left_out)?;
        let tag = required(name_of(&fields, "tag")?, "tag")?;
        let mut item = Box::<Item>::default();
        item.body = Some(body(&[("tag", fields.get("tag"))]));
        item.lookup = Some(Lookup { path: "/tags", by: None });
        item.key = Some(tag);
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.delete("/tags", &[], items[0].text())
    }

    fn is_done_if_unknown(&self) -> bool {
        true
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("deleted", data)
    }

    fn settle(&self, item: &Item, found: Option<&str>) -> Settled {
        let tags = found.and_then(elements);
        let tags = tags.and_then(|tags| tags.into_iter().map(text).collect::<Option<Vec<_>>>());
        match (tags, &item.key) {
            (Some(tags), Some(tag)) if tags.contains(tag) => Settled::NotDone,
            (Some(_), Some(_)) => Settled::Done("already"),
            _ => Settled::Unknown("The project's tags cannot be read.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, said, settle, write};
    use crate::bindings::http::{Body, Request};
    use crate::transport::testing::answer;

    #[test]
    fn contacts_of_one_tag_share_a_request() {
        let records = [
            r#"{"tag":"beta","user_id":"u1"}"#,
            r#"{"tag":"vip","email":"a+b@x.co"}"#,
            r#"{"tag":"beta","email":"c@x.co"}"#,
            r#"{"tag":"beta","email":"d@x.co","contact":"user"}"#,
        ];
        let (outcomes, _, lines) =
            write(&batch("tags.add", "{}", &records), |_| Ok(answer(200, r#"{"data":[]}"#)));
        assert_eq!(outcomes, ["accepted unspecified"; 4]);
        assert_eq!(
            lines,
            [
                r#"POST /v1/tags {"tag":"beta","untag":false,"users":[{"user_id":"u1"},{"email":"d@x.co"}],"leads":[{"email":"c@x.co"}]}"#,
                r#"POST /v1/tags {"tag":"vip","untag":false,"leads":[{"email":"a+b@x.co"}]}"#,
            ]
        );
        let (_, _, lines) = write(&batch("tags.remove", "{}", &records[..1]), |_| {
            Ok(answer(200, r#"{"data":[]}"#))
        });
        assert_eq!(
            lines,
            [r#"POST /v1/tags {"tag":"beta","untag":true,"users":[{"user_id":"u1"}]}"#]
        );
    }

    #[test]
    fn one_unknown_contact_does_not_fail_the_others_of_its_tag() {
        let records: Vec<String> =
            (0..6).map(|n| format!(r#"{{"tag":"beta","user_id":"u{n}"}}"#)).collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let (outcomes, ..) = write(&batch("tags.add", "{}", &records), |request: &Request| {
            let Some(Body::Text(body)) = &request.body else { panic!("a body") };
            Ok(if body.contains("\"u4\"") {
                answer(500, &said("User doesn't exist"))
            } else {
                answer(200, r#"{"data":[]}"#)
            })
        });
        let mut expected = ["accepted unspecified"; 6];
        expected[4] = "rejected not-found";
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn a_record_names_one_tag_and_one_contact() {
        for (record, expected) in [
            (r#"{"user_id":"u1"}"#, "invalid required /tag"),
            (r#"{"tag":"","user_id":"u1"}"#, "invalid required /tag"),
            (r#"{"tag":"beta"}"#, "invalid required"),
            (r#"{"tag":"beta","user_id":7}"#, "invalid type /user_id"),
            (r#"{"tag":"beta","user_id":"u","email":"a@x.co"}"#, "invalid ambiguous-key /email"),
            (r#"{"tag":"beta","user_id":"u","contact":"lead"}"#, "invalid choice /contact"),
            (r#"{"tag":"beta","user_id":"u","contact":"admin"}"#, "invalid choice /contact"),
        ] {
            let (outcomes, _, lines) =
                write(&batch("tags.add", "{}", &[record]), |_| Ok(answer(200, "{}")));
            assert_eq!((outcomes[0].as_str(), lines.len()), (expected, 0), "{record}");
        }
    }

    #[test]
    fn a_tag_is_read_back_from_its_contact() {
        let check = |operation: &str, contact: &str, expected: &str| {
            let record = r#"{"tag":"beta","email":"a@x.co"}"#;
            let (outcomes, _, lines) = settle(&batch(operation, "{}", &[record]), |_| {
                Ok(answer(200, &format!(r#"{{"data":{contact}}}"#)))
            });
            assert_eq!(outcomes, [expected], "{operation} {contact}");
            assert_eq!(lines, ["GET /v1/leads?email=a@x.co"]);
        };
        let tagged = r#"{"email":"a@x.co","user_tags":["x","beta"]}"#;
        let untagged = r#"{"email":"a@x.co","user_tags":["x"]}"#;
        check("tags.add", tagged, "accepted unspecified");
        check("tags.add", untagged, "deferred");
        check("tags.remove", tagged, "deferred");
        check("tags.remove", untagged, "accepted unspecified");
        check("tags.add", r#"{"email":"a@x.co"}"#, "unknown unsettled");
    }

    #[test]
    fn dropping_a_tag_is_a_delete_with_a_body() {
        let batch = batch("tags.delete", "{}", &[r#"{"tag":"be\"ta"}"#]);
        for (response, expected) in [
            (answer(200, "{}"), "accepted deleted"),
            (answer(200, r#"{"data":[]}"#), "accepted deleted"),
            (answer(500, &said("Tag doesn't exist")), "accepted already"),
        ] {
            let (outcomes, _, lines) = write(&batch, |_| Ok(response.clone()));
            assert_eq!(outcomes, [expected]);
            assert_eq!(lines, [r#"DELETE /v1/tags {"tag":"be\"ta"}"#]);
        }
        let listed = |body: &'static str| settle(&batch, move |_| Ok(answer(200, body))).0;
        assert_eq!(listed(r#"{"data":["be\"ta"]}"#), ["deferred"]);
        assert_eq!(listed(r#"{"data":["x"]}"#), ["accepted already"]);
        assert_eq!(listed(r#"{"data":{}}"#), ["unknown unsettled"]);
    }
}
