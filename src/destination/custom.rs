//! Manual mode: POST or DELETE to any path of the API.
//!
//! The path stays below the API's base path whatever a record holds: it is written without query, fragment, `.` or `..`,
//! and each `{field}` is filled with a field of the record, percent-encoded. Since it may do anything that the API can,
//! sending messages and deleting included, it needs consent; nothing is known of its repeats, so a record is sent
//! alone and never again by itself.

use std::borrow::Cow;

use super::item::Item;
use super::options::Options;
use super::path::{encode, is_segment};
use super::record::{Fields, Kind, Refused, at, kind, list, name_of};
use super::writer::{LeftOut, Settled, Told, Writer, done};
use crate::api::Api;
use crate::bindings::http::Request;

/// Sends each record to a path of the API.
#[derive(Debug)]
pub(super) struct Custom {
    method: &'static str,
    path: Vec<Segment>,
    query: Vec<String>,
    body: Body,
}

/// A segment of a path: texts and fields, in order.
type Segment = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Field(String),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    None,
    Record,
    Wrapped(String),
    WrappedList(String),
}

impl Custom {
    /// Reads the options.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        let method = options.choice("method", &[("POST", "POST"), ("DELETE", "DELETE")]);
        let path = options.text("path").map(|path| parse_path(&path));
        let path = path.unwrap_or_else(|| Err("The path is missing.".to_owned()));
        let path = path.unwrap_or_else(|fault| {
            options.fault("path", "path", fault);
            Vec::new()
        });
        let query = options.names("query_fields");
        let body = options.choice(
            "body",
            &[("record", 'r'), ("wrapped", 'w'), ("wrapped-list", 'l'), ("none", 'n')],
        );
        let wrapper = options.text("wrapper").filter(|wrapper| !wrapper.is_empty());
        let body = match (body, wrapper) {
            ('w', Some(wrapper)) => Body::Wrapped(wrapper),
            ('l', Some(wrapper)) => Body::WrappedList(wrapper),
            ('w' | 'l', None) => {
                options.fault("wrapper", "required", "A wrapped body needs the wrapper's name.");
                Body::None
            }
            (_, Some(_)) => {
                let message =
                    "A wrapper is for a wrapped body: set `body` to `wrapped` or `wrapped-list`.";
                options.fault("wrapper", "unused", message);
                Body::None
            }
            ('r', None) => Body::Record,
            _ => Body::None,
        };
        Custom { method, path, query, body }
    }

    /// The path for a record.
    fn path(&self, fields: &Fields<'_>) -> Result<String, Refused> {
        let mut path = String::new();
        for segment in &self.path {
            let mut filled = String::new();
            let mut filled_by = None;
            for piece in segment {
                match piece {
                    Piece::Field(field) => {
                        filled.push_str(&encode(&scalar(fields, field)?));
                        filled_by = Some(field);
                    }
                    Piece::Text(text) => filled.push_str(text),
                }
            }
            if let Some(field) = filled_by.filter(|_| !is_segment(&filled)) {
                return Err(at(field, "path", "would lead to another path"));
            }
            path.push('/');
            path.push_str(&filled);
        }
        Ok(path)
    }
}

impl Writer for Custom {
    fn parse(&self, text: &str, _: &mut LeftOut) -> Result<Box<Item>, Refused> {
        let fields = Fields::parse(text)?;
        let path = self.path(&fields)?;
        let mut query = Vec::new();
        for field in &self.query {
            query.push((field.clone(), scalar(&fields, field)?));
        }
        let wrap = |wrapper: &str, value: Cow<'_, str>| {
            Fields(vec![(Cow::Borrowed(wrapper), value)]).to_json()
        };
        let body = match &self.body {
            Body::None => None,
            Body::Record => Some(fields.to_json()),
            Body::Wrapped(wrapper) => Some(wrap(wrapper, Cow::Owned(fields.to_json()))),
            Body::WrappedList(wrapper) => {
                let list = list(std::iter::once(fields.to_json().as_str()));
                Some(wrap(wrapper, Cow::Owned(list)))
            }
        };
        let mut item = Box::<Item>::default();
        item.path = path;
        item.query = query;
        item.body = body;
        Ok(item)
    }

    fn request(&self, api: &Api, items: &[&Item]) -> Request {
        api.request(self.method, &items[0].path, &items[0].query(), items[0].text())
    }

    fn path_names_record(&self) -> bool {
        true
    }

    fn judge(&self, _: &[&Item], data: Option<&str>) -> Vec<Told> {
        done("unspecified", data)
    }

    fn settle(&self, _: &Item, _: Option<&str>) -> Settled {
        Settled::Unknown("What a call of this path did cannot be read back.".to_owned())
    }
}

/// A path below the base path, with `{field}` wherever a field of the record belongs.
fn parse_path(path: &str) -> Result<Vec<Segment>, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("The path `{path}` does not begin with `/`."));
    };
    let segments: Vec<&str> = rest.split('/').collect();
    if segments.first() == Some(&"v1") {
        return Err(format!("The path `{path}` is below `/v1` already: leave that out."));
    }
    let last = segments.len() - 1;
    let mut parsed = Vec::new();
    for (index, segment) in segments.into_iter().enumerate() {
        // A slash at the end is how some of the API's own paths are written.
        let is_end = index == last && index > 0 && segment.is_empty();
        if !is_segment(segment) && !is_end {
            return Err(format!("The path `{path}` has an empty segment, `.` or `..`."));
        }
        parsed.push(parse_segment(segment).ok_or_else(|| {
            format!(
                "The path `{path}` has `{segment}`: use letters, digits, `-`, `.`, `_`, `~` and `{{field}}`."
            )
        })?);
    }
    Ok(parsed)
}

fn parse_segment(segment: &str) -> Option<Segment> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((text, tail)) = rest.split_once('{') {
        let (field, tail) = tail.split_once('}')?;
        if field.is_empty() || field.contains('{') {
            return None;
        }
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Field(field.to_owned()));
        rest = tail;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    let is_plain = pieces.iter().all(|piece| match piece {
        Piece::Field(_) => true,
        Piece::Text(text) => encode(text) == *text,
    });
    is_plain.then_some(pieces)
}

/// A text, number or flag of a record, as text.
fn scalar(fields: &Fields<'_>, field: &str) -> Result<String, Refused> {
    let value = fields.get(field).filter(|value| kind(value) != Kind::Null);
    let Some(value) = value else {
        return Err(at(field, "required", "is missing, and the request needs it"));
    };
    match kind(value) {
        Kind::Array | Kind::Object => Err(at(field, "type", "is no text, number or flag")),
        Kind::Text => Ok(name_of(fields, field)?.unwrap_or_default()),
        Kind::Bool | Kind::Null | Kind::Number => Ok(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{batch, settle, write};
    use super::*;
    use crate::bindings::http::ErrorKind;
    use crate::transport::testing::{answer, no_answer};

    fn check(options: &str, record: &str, expected: (&str, &str)) {
        let (outcomes, _, lines) = write(&batch("custom.request", options, &[record]), |_| {
            Ok(answer(200, r#"{"data":{"id":1}}"#))
        });
        assert_eq!(
            (outcomes[0].as_str(), lines.join("; ").as_str()),
            expected,
            "{options} {record}"
        );
    }

    #[test]
    fn a_record_fills_the_path_the_query_and_the_body() {
        let ok = "accepted unspecified";
        let record = r#"{"id":"a/b c","n":12345678901234567890,"on":true}"#;
        check(
            r#"{"path":"/users/{id}/x-{n}.{on}"}"#,
            record,
            (ok, &format!("POST /v1/users/a%2Fb%20c/x-12345678901234567890.true {record}")),
        );
        check(
            r#"{"path":"/users","method":"DELETE","body":"none","query_fields":["id"]}"#,
            record,
            (ok, "DELETE /v1/users?id=a/b c"),
        );
        check(
            r#"{"path":"/users","body":"wrapped","wrapper":"user"}"#,
            record,
            (ok, &format!(r#"POST /v1/users {{"user":{record}}}"#)),
        );
        check(
            r#"{"path":"/knowledge/articles/","body":"wrapped-list","wrapper":"u\"s"}"#,
            record,
            (ok, &format!(r#"POST /v1/knowledge/articles/ {{"u\"s":[{record}]}}"#)),
        );
    }

    #[test]
    fn no_record_leads_out_of_its_segment() {
        let path = r#"{"path":"/users/{id}"}"#;
        for (id, expected) in [
            (r#""..""#, "invalid path /id"),
            (r#"".""#, "invalid path /id"),
            (r#""""#, "invalid required /id"),
            ("null", "invalid required /id"),
            ("[1]", "invalid type /id"),
        ] {
            check(path, &format!(r#"{{"id":{id}}}"#), (expected, ""));
        }
        check(path, "{}", ("invalid required /id", ""));
        check(r#"{"path":"/users/.{id}"}"#, r#"{"id":"."}"#, ("invalid path /id", ""));
        for (id, sent) in [
            ("../../etc", "..%2F..%2Fetc"),
            ("a?email=x", "a%3Femail%3Dx"),
            ("x#y", "x%23y"),
            ("%2e%2e", "%252e%252e"),
            ("//evil.example", "%2F%2Fevil.example"),
        ] {
            let record = format!(r#"{{"id":"{id}"}}"#);
            check(
                path,
                &record,
                ("accepted unspecified", &format!("POST /v1/users/{sent} {record}")),
            );
        }
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_refused() {
        for path in [
            "",
            "users",
            "//evil.example",
            "/users//x",
            "/../v2/users",
            "/users/.",
            "/users/..",
            "/users?a=b",
            "/users#x",
            "/a b",
            "/users/%2e%2e",
            "https://evil.example/",
            "/users/{",
            "/users/}",
            "/users/{}",
            "/users/{a{b}}",
            "/users\\x",
            "/@evil",
            "/v1/users",
            "/",
        ] {
            let text = serde_json::json!({"path": path}).to_string();
            let mut options = Options::parse(&text);
            Custom::from_options(&mut options);
            let problems = options.finish();
            assert_eq!(problems.len(), 1, "{path}");
            assert_eq!((problems[0].field.as_str(), problems[0].code.as_str()), ("/path", "path"));
        }
    }

    #[test]
    fn options_that_do_not_fit_together_are_refused() {
        for (options, field) in [
            ("{}", "/path"),
            (r#"{"path":"/x","body":"wrapped"}"#, "/wrapper"),
            (r#"{"path":"/x","wrapper":"users"}"#, "/wrapper"),
            (r#"{"path":"/x","method":"GET"}"#, "/method"),
        ] {
            let mut options = Options::parse(options);
            Custom::from_options(&mut options);
            let fields: Vec<_> = options.finish().into_iter().map(|p| p.field).collect();
            assert_eq!(fields, [field]);
        }
    }

    #[test]
    fn what_may_have_been_done_is_unknown_and_not_repeated() {
        let batch = batch("custom.request", r#"{"path":"/x"}"#, &["{}", "{}"]);
        let (outcomes, _, lines) = write(&batch, |_| Err(no_answer(ErrorKind::Closed, true)));
        assert_eq!(outcomes, ["unknown closed", "deferred"]);
        assert_eq!(lines.len(), 1);
        let (outcomes, _, lines) = settle(&batch, |_| panic!("nothing can be read back"));
        assert_eq!((outcomes.len(), lines.len()), (2, 0));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_record_holds_the_path_stays_where_it_is(id in ".*", path in ".{0,12}") {
            let record = serde_json::json!({"id": id}).to_string();
            for template in ["/users/{id}/x".to_owned(), format!("/{path}{{id}}")] {
                let text = serde_json::json!({"path": template}).to_string();
                let mut options = Options::parse(&text);
                let custom = Custom::from_options(&mut options);
                if !options.finish().is_empty() {
                    continue;
                }
                if let Ok(item) = custom.parse(&record, &mut LeftOut::default()) {
                    let segments = item.path.split('/').skip(1);
                    proptest::prop_assert_eq!(segments.count(), template.split('/').count() - 1);
                    proptest::prop_assert!(item.path.starts_with('/') && !item.path.contains("//"));
                    proptest::prop_assert!(!item.path.contains(['?', '#', '\\', '@', ':']));
                    proptest::prop_assert!(
                        item.path.split('/').all(|part| part != "." && part != "..")
                    );
                }
            }
        }
    }
}
