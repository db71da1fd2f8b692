//! JSON by borrowed text: nothing is rewritten that is only handed on.
//!
//! The text of a value is a plain `&str`, checked when it was found in a larger one. It is of one crate's own making,
//! and without generics, since the component has to stay small: `serde` makes a parser for every type that is read.
//! The tests compare it with `serde_json`.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `compact` | schemas, embedded without white space |
//! | `scan` | the one pass over a text: what is JSON and where its values stand |
//! | `parts` | lists and objects taken apart |
//! | `text` | strings: what one says, and how one is written |
//! | `value` | a text as a tree, for what is looked at from all sides: options, settings, states |
//! | `store` | what is written as JSON and read back: states |

pub(crate) mod compact;
mod parts;
mod scan;
mod store;
mod text;
mod value;

pub(crate) use self::compact::include_json;
pub(crate) use self::parts::{elements, members};
pub(crate) use self::scan::{Cursor, Fault};
#[cfg(test)]
pub(crate) use self::store::testing;
pub(crate) use self::store::{
    Fields, Store, Writer, read_list, read_object, stored, worded, write_list, write_object,
};
pub(crate) use self::text::{is_named, quote, string};
pub(crate) use self::value::Value;
