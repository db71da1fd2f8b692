//! The Markdown of a form's instructions, for a terminal and for a page. A plugin wrote it: no HTML of it is kept, and
//! only `https` links are links.

use pulldown_cmark::{Event, Parser, Tag, TagEnd, html};

use crate::error::one_line;

/// Plain lines, for a terminal.
pub fn to_lines(markdown: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut numbers: Vec<Option<u64>> = Vec::new();
    let mut anchor = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::List(first)) => {
                end_line(&mut lines, &mut line);
                numbers.push(first);
            }
            Event::End(TagEnd::List(_)) => {
                numbers.pop();
            }
            Event::Start(Tag::Item) => match numbers.last_mut() {
                Some(Some(number)) => {
                    line.push_str(&number.to_string());
                    line.push_str(". ");
                    *number += 1;
                }
                _ => line.push_str("- "),
            },
            Event::Start(Tag::Link { dest_url, .. }) => {
                anchor = Some((dest_url.to_string(), line.len()));
            }
            Event::End(TagEnd::Link) => {
                if let Some((url, start)) = anchor.take()
                    && is_https(&url)
                    && url.strip_prefix("https://") != Some(&line[start..])
                    && url != line[start..]
                {
                    line.push_str(" (");
                    line.push_str(&url);
                    line.push(')');
                }
            }
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                line.push_str(&text);
            }
            Event::SoftBreak => line.push(' '),
            Event::HardBreak
            | Event::End(TagEnd::Item | TagEnd::Paragraph | TagEnd::Heading(_)) => {
                end_line(&mut lines, &mut line);
            }
            _ => {}
        }
    }
    end_line(&mut lines, &mut line);
    lines
}

/// HTML that can be put into a page.
pub fn to_html(markdown: &str) -> String {
    let events = Parser::new(markdown).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { dest_url, .. }) if !is_https(&dest_url) => {
            Event::Start(Tag::Emphasis)
        }
        Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
            Event::Start(Tag::Link { link_type, dest_url, title: "".into(), id })
        }
        // A picture would be fetched from elsewhere.
        Event::Start(Tag::Image { .. }) => Event::Start(Tag::Emphasis),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Emphasis),
        other => other,
    });
    let mut open_links = Vec::new();
    let events: Vec<_> = events
        .map(|event| match event {
            Event::Start(Tag::Link { .. }) => {
                open_links.push(true);
                event
            }
            Event::Start(Tag::Emphasis) => {
                open_links.push(false);
                event
            }
            Event::End(TagEnd::Emphasis | TagEnd::Link) => match open_links.pop() {
                Some(true) => Event::End(TagEnd::Link),
                _ => Event::End(TagEnd::Emphasis),
            },
            other => other,
        })
        .collect();
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

/// A sentence, with what stands in backticks as code.
pub fn sentence(text: &str) -> maud::Markup {
    maud::html! {
        @for (index, part) in one_line(text).split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn is_https(url: &str) -> bool {
    url.starts_with("https://")
}

fn end_line(lines: &mut Vec<String>, line: &mut String) {
    let text = one_line(line);
    line.clear();
    if !text.is_empty() {
        lines.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &str = "1. Sign in at [example.com](https://example.com).\n2. Click **Settings** \
                         in the [menu](https://example.com/menu).\n\n*Keep it* <b>safe</b>.";

    fn check(markdown: &str, expected: &str) {
        assert_eq!(to_html(markdown).trim(), expected);
    }

    #[test]
    fn a_terminal_gets_numbered_lines_and_addresses() {
        assert_eq!(
            to_lines(STEPS),
            [
                "1. Sign in at example.com.",
                "2. Click Settings in the menu (https://example.com/menu).",
                "Keep it <b>safe</b>."
            ]
        );
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(to_lines("a \u{1b}[31mb"), ["a [31mb"]);
    }

    #[test]
    fn a_sentence_knows_code() {
        assert_eq!(sentence("a `<b>` c").0, "a <code>&lt;b&gt;</code> c");
    }

    #[test]
    fn html_of_the_plugin_is_text() {
        check(
            "<script>alert(1)</script> a <img src=x onerror=y>",
            "&lt;script&gt;alert(1)&lt;/script&gt; a &lt;img src=x onerror=y&gt;",
        );
        check("a <b>b</b>", "<p>a &lt;b&gt;b&lt;/b&gt;</p>");
    }

    #[test]
    fn only_https_links_are_links_and_pictures_are_words() {
        check("[a](https://example.com)", r#"<p><a href="https://example.com">a</a></p>"#);
        check("[a](javascript:alert)", "<p><em>a</em></p>");
        check("[*a*](data:x) b", "<p><em><em>a</em></em> b</p>");
        check("![a](https://example.com/a.png)", "<p><em>a</em></p>");
    }
}
