//! The page of `connector serve`: the guide's flow in a browser, drawn only from what the plugin declares.
//!
//! What it promises:
//!
//! - It listens on this machine alone, and answers only requests that name this machine: another name that resolves
//!   here (DNS rebinding) gets nothing.
//! - Whatever changes something or sends the service anything but a look is a `POST` that carries a token of this
//!   process, and comes from a page of its own.
//! - A secret that was typed never comes back: not in a page, an address, a cookie or a log. While a form is not saved
//!   yet, it stays in this process, under a random name, for a quarter of an hour.
//! - No script and no style but its own files, nothing from elsewhere, and everything works without script; with it,
//!   progress moves by itself.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `app` | what all pages share; one place that opens connections |
//! | `guard`, `posted` | who may ask, and what was posted |
//! | `drafts` | secrets and records between two steps of a form |
//! | `layout`, `fields` | the frame of every page, and forms |
//! | `home`, `authenticate`, `overlay`, `credential` | the guide's screens |
//! | `source`, `preview`, `reading` | a source: choose streams, look, read |
//! | `destination`, `writing` | a destination: choose a target, rehearse, write |
//! | `fault` | what went wrong, as a page |

mod app;
mod assets;
mod authenticate;
mod credential;
mod destination;
mod drafts;
mod fault;
mod fields;
mod guard;
mod home;
mod layout;
mod overlay;
mod posted;
mod preview;
mod reading;
mod server;
mod source;
mod writing;

pub use app::{Account as EmulatedAccount, App, AppConfig};
pub use server::Server;
