//! A walk as JSON, which is its state.

use super::guard::{Begun, Guard, Recheck};
use super::{Doubt, End, Unstamped, Walk};
use crate::json::{
    Fields, Store, Value, Writer, quote, read_list, read_object, stored, worded, write_list,
    write_object,
};

worded!(Doubt {
    "cursor-missing" => CursorMissing, "moving" => Moving, "page-size" => PageSize, "ties" => Ties
});

stored!(Walk { since, mark, pass, sizes, edge, rounds, end, guard, doubts, unstamped });

impl Store for End {
    fn write(&mut self, out: &mut String) {
        match self {
            End::Open => quote("open", out),
            End::Shown => quote("shown", out),
            End::Further => quote("further", out),
            End::Past { size, from, quiet, sure } => {
                let mut end = Writer::new(out);
                let past: &mut Fields<'_> =
                    &mut [("size", size), ("from", from), ("quiet", quiet), ("sure", sure)];
                write_object(past, end.name("past"));
                end.end();
            }
        }
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        match (value.as_str(), value.get("past")) {
            (Some("open"), _) => *self = End::Open,
            (Some("shown"), _) => *self = End::Shown,
            (Some("further"), _) => *self = End::Further,
            (_, Some(value)) => {
                let (mut size, mut from, mut quiet, mut sure) = (0, 0, false, false);
                let past: &mut Fields<'_> = &mut [
                    ("size", &mut size),
                    ("from", &mut from),
                    ("quiet", &mut quiet),
                    ("sure", &mut sure),
                ];
                let is_read = read_object(past, value);
                *self = End::Past { size, from, quiet, sure };
                return is_read;
            }
            _ => return false,
        }
        true
    }
}

worded!(Unstamped { "unseen" => Unseen, "first" => First, "last" => Last });

stored!(Guard { idle, dry, last, recheck, short });

impl Store for (u32, u32) {
    fn write(&mut self, out: &mut String) {
        write_list(&mut [&mut self.0, &mut self.1], out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        read_list(&mut [&mut self.0, &mut self.1], value)
    }
}

impl Default for Recheck {
    fn default() -> Self {
        Recheck::Other { page: 0 }
    }
}

impl Store for Recheck {
    fn write(&mut self, out: &mut String) {
        let (name, page) = match self {
            Recheck::Other { page } => ("other", page),
            Recheck::Same { page } => ("same", page),
        };
        let mut recheck = Writer::new(out);
        write_object(&mut [("page", page)], recheck.name(name));
        recheck.end();
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let mut page = 0;
        let (other, same) = (value.get("other"), value.get("same"));
        let is_read =
            other.or(same).is_some_and(|which| read_object(&mut [("page", &mut page)], which));
        *self = if other.is_some() { Recheck::Other { page } } else { Recheck::Same { page } };
        is_read
    }
}

stored!(Begun { page, per_page, beginning });
