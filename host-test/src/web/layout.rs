//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

/// What a page's frame shows.
pub(super) struct Frame<'a> {
    title: &'a str,
    /// Seconds after which a page without script loads itself again.
    reload: Option<u8>,
    /// An overlay in front of the page, which cannot be reached meanwhile.
    overlay: Option<Markup>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(title: &'a str) -> Self {
        Frame { title, reload: None, overlay: None }
    }

    /// Without script, the page loads itself again.
    pub(super) fn reloading(self, running: bool) -> Self {
        Frame { reload: running.then_some(2), ..self }
    }

    pub(super) fn overlay(self, overlay: Option<Markup>) -> Self {
        Frame { overlay, ..self }
    }
}

/// A whole page.
pub(super) fn page(frame: &Frame<'_>, content: &Markup) -> Markup {
    let covered = frame.overlay.is_some();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " – Connector" }
                link rel="stylesheet" href="/page.css";
                script src="/page.js" defer {}
                @if let Some(seconds) = frame.reload {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
            }
            body {
                a .skip href="#content" inert[covered] { "Skip to the content" }
                header inert[covered] {
                    nav aria-label="Main" { a .home href="/" { "Connector" } }
                }
                main #content tabindex="-1" inert[covered] { (content) }
                @if let Some(overlay) = &frame.overlay { (overlay) }
            }
        }
    }
}
