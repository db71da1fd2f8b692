//! Manual mode: any list that the API gives for a GET.
//!
//! The path stays below the API's base path: it is written without query, fragment, `.` or `..`. Nothing
//! is known of the list, so nothing is promised of it but that its end is no guess.

use super::fields::fields;
use super::options::{Form, whole};
use super::page::ended;
use super::pages::{Pages, page_by_page};
use super::sorted::{Shape, Sorted};
use super::state;
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::{Body, Request, Response};
use crate::bindings::source::Page;
use crate::bindings::types::{Action, Failure, Problem};
use crate::failure::pointer;
use crate::json::{Value, elements, stored};

/// The stream's name.
pub(crate) const STREAM: &str = "custom";

/// Rows on a page, as every known client asks for.
const USUAL_PAGE: u32 = 50;

/// The largest page size that public sources know of.
const LARGEST_PAGE: u32 = 100;

/// What to read, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    path: String,
    query: Vec<(String, String)>,
    records: Pointer,
    key: Vec<String>,
    /// Rows on a page; none if one answer holds the whole list.
    page_size: Option<u32>,
}

#[derive(Default)]
struct At {
    /// Where the walk stands; none before and after it.
    pages: Option<Pages>,
}

stored!(At { pages });

impl Options {
    /// Parses the form, or says all that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut form = Form::new(text);
        let path = form.take("path", path);
        if path.is_none() {
            form.missing("path", "The path is missing: write one below `/v1`, such as `/tags`.");
        }
        let is_paged = form.take("paging", paging).unwrap_or(false);
        let query = form.take("query", |fields| query(fields, is_paged)).unwrap_or_default();
        let records = form.take("records", Pointer::parse);
        let key = form.take("key", names).unwrap_or_default();
        let page_size = form.take("page_size", |size| {
            let size = whole(1, LARGEST_PAGE)(size)?;
            if is_paged {
                Ok(size)
            } else {
                Err("A list that is not paged has no page size.".into())
            }
        });
        form.finish()?;
        Ok(Options {
            // A missing path is a fault of the form, which has no more faults here.
            path: path.unwrap_or_default(),
            query,
            records: records.unwrap_or_else(|| Pointer(vec!["data".into()])),
            key,
            page_size: is_paged.then(|| page_size.unwrap_or(USUAL_PAGE)),
        })
    }

    fn request(&self, api: &Api, page: u64) -> Request {
        let paging = self.page_size.map(|size| (page.to_string(), size.to_string()));
        let mut query: Vec<_> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some((page, size)) = &paging {
            query.extend([("page", page.as_str()), ("per_page", size.as_str())]);
        }
        api.get(&self.path, &query)
    }
}

/// Reads a page.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    options: &Options,
    state: Option<&str>,
) -> Result<Box<Page>, Box<Failure>> {
    let at = match state {
        Some(text) => state::read::<At>(STREAM, text)?,
        None => At::default(),
    };
    let mut pages = at.pages.unwrap_or_default();
    let response = transport.send(&options.request(api, pages.page()))?;
    let rows = rows(&response, options)?;
    let key: Vec<_> = options.key.iter().map(String::as_str).collect();
    let sorted = Sorted::of(&rows, Shape { key: &key, scalars: true, map: false });
    let is_last = match options.page_size {
        None => true,
        Some(size) => pages.take(&rows, usize::try_from(size).unwrap_or(usize::MAX))?,
    };
    if is_last {
        let doubt = pages.is_torn().then(|| page_by_page("rows"));
        let mut page = sorted.into_page(state::write(STREAM, &mut At { pages: None }));
        page.progress = ended(doubt.into_iter().collect());
        return Ok(page);
    }
    let mut page = sorted.into_page(state::write(STREAM, &mut At { pages: Some(pages) }));
    page.ahead = pages.ahead().map(|page| options.request(api, page)).collect();
    Ok(page)
}

/// The rows that the pointer leads to. One object is one record, where the list is not paged.
fn rows<'a>(response: &'a Response, options: &Options) -> Result<Vec<&'a str>, Box<Failure>> {
    interpret(response)?;
    let text = match &response.body {
        Body::Text(text) => text.trim(),
        Body::Bytes(_) => "",
    };
    let found = options.records.find(text);
    let rows = found.and_then(|found| match elements(found) {
        None if found.starts_with('{') && options.page_size.is_none() => Some(vec![found]),
        rows => rows,
    });
    rows.ok_or_else(|| {
        let message = format!(
            "The answer of `{}` has no list of records at `{}`.",
            options.path, options.records
        );
        Failure::new(Action::FixSettings, "no-records", message)
            .field(pointer("records"))
            .remedy("Correct the JSON pointer to the records, or the path.")
    })
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer(Vec<String>);

impl Pointer {
    fn parse(value: &Value<'_>) -> Result<Self, String> {
        let text = value.as_str().ok_or("The pointer is not a text.")?;
        if text.is_empty() {
            return Ok(Pointer(Vec::new()));
        }
        let tokens = text.strip_prefix('/').map(|rest| rest.split('/').map(unescape).collect());
        let tokens: Option<Option<Vec<_>>> = tokens;
        tokens.flatten().map(Pointer).ok_or_else(|| {
            format!("`{text}` is not a JSON pointer: begin with `/`, and write `~` as `~0`.")
        })
    }

    fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.0.iter().try_fold(text, |text, token| {
            if let Some(elements) = elements(text) {
                let is_index = token == "0" || !token.starts_with(['0', '+']);
                return elements.get(token.parse::<usize>().ok().filter(|_| is_index)?).copied();
            }
            fields(text, &[token])?.pop()?
        })
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|token| formatter.write_str(&pointer(token)))
    }
}

/// A token of a pointer; none if a `~` in it means nothing.
fn unescape(token: &str) -> Option<String> {
    let mut pieces = token.split('~');
    let mut text = pieces.next()?.to_owned();
    for piece in pieces {
        text.push(match piece.chars().next()? {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        text.push_str(piece.get(1..)?);
    }
    Some(text)
}

/// A path below the base path.
fn path(value: &Value<'_>) -> Result<String, String> {
    let text = value.as_str().ok_or("The path is not a text.")?;
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!("The path `{text}` does not begin with `/`."));
    };
    // A slash at the end is how some of the API's own paths are written.
    let segments: Vec<_> = rest.strip_suffix('/').unwrap_or(rest).split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(format!("The path `{text}` has an empty segment, `.` or `..`."));
    }
    if segments.first() == Some(&"v1") {
        return Err(format!("The path `{text}` is below `/v1` already: leave that out."));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !text.bytes().all(is_plain) {
        return Err(format!(
            "The path `{text}` may hold letters, digits, `-`, `.`, `_`, `~` and `/` only; the query has its own option."
        ));
    }
    Ok(text.to_owned())
}

/// Parameters of a query; a list that is paged has two of its own.
fn query(value: &Value<'_>, is_paged: bool) -> Result<Vec<(String, String)>, String> {
    let Value::Object(fields) = value else {
        return Err("The query is not an object.".into());
    };
    if is_paged && ["page", "per_page"].iter().any(|&ours| value.get(ours).is_some()) {
        return Err("The `page` and `per_page` of a list that is paged are set already.".into());
    }
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        let Some(text) = value.as_str() else {
            return Err(format!("The parameter `{name}` of the query is not a text."));
        };
        if name.is_empty() {
            return Err("A parameter of the query has no name.".into());
        }
        parameters.push((name.clone().into_owned(), text.to_owned()));
    }
    Ok(parameters)
}

fn names(value: &Value<'_>) -> Result<Vec<String>, String> {
    let Value::List(items) = value else {
        return Err("The key is not a list of names.".into());
    };
    let mut names = Vec::new();
    for item in items {
        match item.as_str() {
            Some(name) if !name.is_empty() => names.push(name.to_owned()),
            _ => return Err("The key holds something that is no name of a field.".into()),
        }
    }
    Ok(names)
}

/// Whether the list is paged.
fn paging(value: &Value<'_>) -> Result<bool, String> {
    match value.as_str() {
        Some("none") => Ok(false),
        Some("page") => Ok(true),
        _ => Err(format!("There is no paging {value}: choose `none` or `page`.")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Account, read_all, request};
    use super::*;
    use crate::transport::testing::answer;

    /// Reads with these options and this one answer.
    fn check(options: &str, body: &'static str, code: &str, line: &str, records: &[&str]) {
        let account = Account::with(move |_, _, _| Some(Ok(answer(200, body))));
        let brought = read_all(&account, request("custom", options));
        let expected: Vec<_> = records.iter().map(ToString::to_string).collect();
        assert_eq!((brought.code(), &brought.records), (code, &expected), "{options} {body}");
        assert_eq!(account.lines()[0], line);
    }

    fn faults(options: &str, expected: &[(&str, &str)]) {
        let problems = Options::parse(options).expect_err("a fault");
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.field.as_str(), problem.code.as_str()))
            .collect();
        assert_eq!(found, expected, "{options}");
    }

    #[test]
    fn any_list_can_be_read() {
        check(
            r#"{"path":"/knowledge/writers/","query":{"a+b":"c&d"}}"#,
            r#"{"data":["x",{"y":1}]}"#,
            "complete",
            "GET /v1/knowledge/writers/?a+b=c&d",
            &[r#"{"name":"x"}"#, r#"{"y":1}"#],
        );
    }

    #[test]
    fn a_pointer_leads_to_the_records() {
        for (pointer, body) in [
            ("/data/users", r#"{"data":{"users":[{"a":1}]}}"#),
            ("/data/1/x", r#"{"data":[0,{"x":[{"a":1}]}]}"#),
            ("/data/a~1b~0", r#"{"data":{"a/b~":[{"a":1}]}}"#),
            ("/data", r#"{"data":{"a":1}}"#),
            ("", r#"{"a":1}"#),
        ] {
            let options = serde_json::json!({ "path": "/x", "records": pointer }).to_string();
            check(&options, body, "complete", "GET /v1/x", &[r#"{"a":1}"#]);
        }
        for pointer in ["/data/01", "/data/+1", "/data/-", "/data/9", "/other", "/data/0/x"] {
            let options = serde_json::json!({ "path": "/x", "records": pointer }).to_string();
            check(&options, r#"{"data":[[1],[2]]}"#, "no-records", "GET /v1/x", &[]);
        }
    }

    #[test]
    fn a_row_without_its_key_is_set_aside() {
        check(
            r#"{"path":"/x","key":["a","b"]}"#,
            r#"{"data":[{"a":1,"b":"2"},{"a":1},"c"]}"#,
            "complete",
            "GET /v1/x",
            &[r#"{"a":1,"b":"2"}"#],
        );
    }

    #[test]
    fn a_paged_list_is_read_to_its_end() {
        let rows = (0..130).map(|id| format!(r#"{{"id":{id}}}"#));
        let account = Account::new().list("/things", rows);
        let options = r#"{"path":"/things","paging":"page","page_size":20,"key":["id"]}"#;
        let brought = read_all(&account, request("custom", options));
        assert_eq!((brought.code(), brought.records.len()), ("page-by-page", 130));
        assert_eq!(account.lines().len(), 9);
        assert_eq!(account.lines()[1], "GET /v1/things?page=1&per_page=20");
    }

    #[test]
    fn a_list_that_is_not_paged_and_read_as_if_it_was_stops() {
        let options = r#"{"path":"/x","paging":"page"}"#;
        let line = "GET /v1/x?page=0&per_page=50";
        check(options, r#"{"data":[{"a":1}]}"#, "page-numbering", line, &[r#"{"a":1}"#]);
    }

    #[test]
    fn a_path_cannot_leave_the_api() {
        for path in [
            "",
            "tags",
            "/",
            "//",
            "//evil.example",
            "/a//b",
            "/..",
            "/a/../b",
            "/./a",
            "/a?b=c",
            "/a#b",
            "/a%2e",
            "/a\\b",
            "/é",
            "https://evil.example/",
            "/a b",
            "/a\n",
            "/@x",
            "/v1/tags",
        ] {
            faults(&serde_json::json!({ "path": path }).to_string(), &[("/path", "invalid")]);
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        faults("{}", &[("/path", "required")]);
        faults(
            r#"{"path":7,"query":{"a":1},"records":"data","key":[""],"paging":"cursor","page_size":0,"method":"POST"}"#,
            &[
                ("/path", "invalid"),
                ("/paging", "invalid"),
                ("/query", "invalid"),
                ("/records", "invalid"),
                ("/key", "invalid"),
                ("/page_size", "invalid"),
                ("/method", "unknown-field"),
            ],
        );
        faults(r#"{"path":"/x","records":"/a~2"}"#, &[("/records", "invalid")]);
        faults(r#"{"path":"/x","page_size":5}"#, &[("/page_size", "invalid")]);
        faults(r#"{"path":"/x","paging":"page","query":{"page":"3"}}"#, &[("/query", "invalid")]);
    }

    proptest::proptest! {
        #[test]
        fn a_path_that_is_taken_stays_below_the_base_path(text in r"[/.a%?#:@\\é]{0,12}") {
            if let Ok(path) = path(&Value::Text(text.into())) {
                proptest::prop_assert!(path.starts_with('/') && !path.contains("//"));
                proptest::prop_assert!(path.split('/').all(|segment| !matches!(segment, "." | "..")));
                proptest::prop_assert!(!path.contains(['?', '#', '%', '\\', '@', ':']));
            }
        }
    }
}
