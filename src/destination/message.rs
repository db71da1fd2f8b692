//! Sending messages: `POST /messages`.
//!
//! A message is seen by a real person at once, may send an e-mail (single source) and can be neither taken back nor
//! read back: it is sent once, alone, and never again by itself.

use super::email::email_of;
use super::item::Item;
use super::options::Options;
use super::record::{Fields, Kind, Refused, at, id_of, kind, name_of, refused};
use super::shape::{Extra, required};
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;
use crate::failure::pointer;
use crate::json::elements;

/// Sends messages, from a teammate to a contact or the other way round.
#[derive(Debug)]
pub(super) struct Send {
    extra: Extra,
}

impl Send {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        Send { extra: Extra::from_options(options) }
    }
}

impl Writer for Send {
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let known = ["from", "to", "content", "attachments"];
        let fields = self.extra.only(Fields::parse(text)?, &known, left_out)?;
        check_party(&fields, "from")?;
        check_party(&fields, "to")?;
        required(name_of(&fields, "content")?, "content")?;
        if let Some(attachments) = fields.get("attachments") {
            let list = elements(attachments);
            if !list.is_some_and(|list| list.iter().all(|&item| kind(item) == Kind::Object)) {
                return Err(at("attachments", "type", "is not a list of objects"));
            }
        }
        let mut item = Box::<Item>::default();
        item.body = Some(fields.to_json());
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.request("POST", "/messages", &[], items[0].text())
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("created", data)
    }

    fn settle(&self, _: &Item, _: Option<&str>) -> Settled {
        Settled::Unknown("The API has no call to read messages back.".to_owned())
    }
}

/// Checks who sends or receives: `{"type": "admin", "id": …}`, or a contact by e-mail, id or both.
fn check_party(fields: &Fields<'_>, field: &str) -> Result<(), Refused> {
    let Some(value) = fields.get(field) else {
        return Err(at(field, "required", "is missing"));
    };
    let Some(party) = Some(value).filter(|value| kind(value) == Kind::Object) else {
        return Err(at(field, "type", "is not an object"));
    };
    check_fields(party).map_err(|mut fault| {
        fault.field = Some(format!("/{field}{}", fault.field.unwrap_or_default()));
        fault.message = format!("In `{field}`: {}", fault.message);
        fault
    })
}

fn check_fields(party: &str) -> Result<(), Refused> {
    let party = Fields::parse(party)?;
    if let Some((name, _)) =
        party.0.iter().find(|(name, _)| !["type", "id", "email"].contains(&name.as_ref()))
    {
        let message = format!("There is no field `{name}`: use `type`, `id` and `email`.");
        return Err(refused(Some(pointer(name)), "unknown-field", message));
    }
    let id = id_of(&party, "id")?;
    let email = email_of(&party, "email")?;
    match required(name_of(&party, "type")?, "type")?.as_str() {
        "admin" if id.is_none() => {
            Err(at("id", "required", "is missing: a teammate is named by its account id"))
        }
        "user" | "lead" if id.is_none() && email.is_none() => {
            Err(at("email", "required", "is missing, and so is `id`: name the contact by one"))
        }
        "admin" | "user" | "lead" => Ok(()),
        _ => Err(at("type", "choice", "is none of `admin`, `user` and `lead`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, said, write};
    use crate::bindings::destination::Outcome;
    use crate::bindings::http::ErrorKind;
    use crate::transport::testing::{answer, no_answer};

    const MESSAGE: &str = r#"{"from":{"type":"admin","id":41657},"to":{"type":"user","email":"a@x.co"},"content":"Hi"}"#;

    #[test]
    fn a_message_is_sent_as_it_came_and_its_time_handed_back() {
        let (_, report, lines) = write(&batch("messages.send", "{}", &[MESSAGE]), |_| {
            Ok(answer(200, r#"{"data":{"timestamp":1767225601}}"#))
        });
        let Outcome::Accepted(receipt) = &report.outcomes[0] else {
            panic!("it is accepted");
        };
        assert_eq!(receipt.answer.as_deref(), Some(r#"{"timestamp":1767225601}"#));
        assert_eq!(lines, [format!("POST /v1/messages {MESSAGE}")]);
    }

    #[test]
    fn a_message_is_never_sent_again_by_itself() {
        for response in [
            Err(no_answer(ErrorKind::Timeout, true)),
            Ok(answer(503, "")),
            Ok(answer(500, "<html>")),
            Ok(answer(200, "")),
        ] {
            let (outcomes, report, lines) =
                write(&batch("messages.send", "{}", &[MESSAGE, MESSAGE]), |_| response.clone());
            assert!(outcomes[0].starts_with("unknown "), "{}", outcomes[0]);
            assert_eq!((outcomes[1].as_str(), lines.len()), ("deferred", 1));
            assert!(report.stopped.is_some());
        }
    }

    #[test]
    fn two_messages_alike_are_two_messages() {
        let (outcomes, _, lines) =
            write(&batch("messages.send", "{}", &[MESSAGE, MESSAGE]), |_| {
                Ok(answer(200, r#"{"data":{"timestamp":1}}"#))
            });
        assert_eq!((outcomes.len(), lines.len()), (2, 2));
        let (outcomes, ..) = write(&batch("messages.send", "{}", &[MESSAGE]), |_| {
            Ok(answer(500, &said("User doesn't exist")))
        });
        assert_eq!(outcomes, ["rejected not-found"]);
    }

    #[test]
    fn both_sides_and_the_text_are_checked() {
        let from = r#""from":{"type":"admin","id":"7"}"#;
        let to = r#""to":{"type":"user","id":9,"email":"a@x.co"}"#;
        for (record, expected) in [
            (format!(r#"{{{to},"content":"Hi"}}"#), "invalid required /from"),
            (format!(r#"{{{from},"to":"a@x.co","content":"Hi"}}"#), "invalid type /to"),
            (format!("{{{from},{to}}}"), "invalid required /content"),
            (format!(r#"{{{from},{to},"content":""}}"#), "invalid required /content"),
            (
                format!(r#"{{{from},"to":{{"type":"user"}},"content":"Hi"}}"#),
                "invalid required /to/email",
            ),
            (
                format!(r#"{{{from},"to":{{"type":"bot","id":1}},"content":"Hi"}}"#),
                "invalid choice /to/type",
            ),
            (format!(r#"{{{from},"to":{{"id":1}},"content":"Hi"}}"#), "invalid required /to/type"),
            (
                format!(r#"{{{from},"to":{{"type":"user","email":"a"}},"content":"Hi"}}"#),
                "invalid email /to/email",
            ),
            (
                format!(r#"{{{from},"to":{{"type":"user","id":1,"x":1}},"content":"Hi"}}"#),
                "invalid unknown-field /to/x",
            ),
            (
                format!(r#"{{{from},{to},"content":"Hi","attachments":["a"]}}"#),
                "invalid type /attachments",
            ),
            (
                format!(r#"{{"from":{{"type":"admin","email":"a@x.co"}},{to},"content":"Hi"}}"#),
                "invalid required /from/id",
            ),
        ] {
            let (outcomes, _, lines) =
                write(&batch("messages.send", "{}", &[&record]), |_| Ok(answer(200, "{}")));
            assert_eq!((outcomes[0].as_str(), lines.len()), (expected, 0), "{record}");
        }
    }
}
