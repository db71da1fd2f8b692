//! The page in a real browser: Chromium, driven through `chromedriver`, against the binary and an emulated service.
//!
//! Elements are found as a person finds them, by the words on them. After every step the page, its address, cookies and
//! browser stores are searched for the token in all its forms; after every test, what the process printed.
//!
//! Where Chromium or its driver is missing, each test says so and passes; with `CI` set it fails.
//!
//! `cargo test -p host-test --test browser screenshots` puts a picture of each step, at two widths, light and dark, into
//! `target/screenshots`.

mod access;
mod credential;
mod driver;
mod flow;
mod guard;
mod screenshots;
mod site;
mod user;
