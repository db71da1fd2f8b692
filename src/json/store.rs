//! What is written as JSON and read back: states.
//!
//! A struct is an object of its fields. A field without anything to say (none, false, an empty list) is left out, and
//! one that is missing says nothing; a number is never left out. Values are read in place, through `dyn`: code that
//! builds each type of its own takes ten times the room.

use super::text::quote;
use super::value::Value;

/// Written as JSON, and read back.
pub(crate) trait Store {
    /// Writes the value.
    fn write(&mut self, out: &mut String);

    /// Becomes what was written; false, and anything, if that was no such value.
    fn read(&mut self, value: &Value<'_>) -> bool;

    /// Whether there is nothing to write.
    fn is_blank(&self) -> bool {
        false
    }

    /// Becomes what is not written; false if there is no such thing.
    fn clear(&mut self) -> bool {
        false
    }
}

/// Fields with their names.
pub(crate) type Fields<'f> = [(&'static str, &'f mut dyn Store)];

/// Writes an object, field by field.
pub(crate) struct Writer<'o> {
    out: &'o mut String,
    has_field: bool,
}

impl<'o> Writer<'o> {
    /// Begins one.
    pub(crate) fn new(out: &'o mut String) -> Self {
        out.push('{');
        Writer { out, has_field: false }
    }

    /// Adds the name of a field, whose value is to follow.
    pub(crate) fn name(&mut self, name: &str) -> &mut String {
        if self.has_field {
            self.out.push(',');
        }
        self.has_field = true;
        quote(name, self.out);
        self.out.push(':');
        self.out
    }

    /// Ends it.
    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// Writes fields as an object.
pub(crate) fn write_object(fields: &mut Fields<'_>, out: &mut String) {
    let mut object = Writer::new(out);
    for (name, field) in fields {
        if !field.is_blank() {
            field.write(object.name(name));
        }
    }
    object.end();
}

/// Reads fields of an object.
pub(crate) fn read_object(fields: &mut Fields<'_>, value: &Value<'_>) -> bool {
    matches!(value, Value::Object(_))
        && fields.iter_mut().all(|(name, field)| match value.get(name) {
            Some(value) => field.read(value),
            None => field.clear(),
        })
}

/// Writes values of several types as a list.
pub(crate) fn write_list(items: &mut [&mut dyn Store], out: &mut String) {
    out.push('[');
    for (index, item) in items.iter_mut().enumerate() {
        if index > 0 {
            out.push(',');
        }
        item.write(out);
    }
    out.push(']');
}

/// Reads values of several types from a list.
pub(crate) fn read_list(items: &mut [&mut dyn Store], value: &Value<'_>) -> bool {
    match value {
        Value::List(values) if values.len() == items.len() => {
            items.iter_mut().zip(values).all(|(item, value)| item.read(value))
        }
        _ => false,
    }
}

/// Stores a struct as an object of these fields.
macro_rules! stored {
    ($type:ty { $($field:ident),* }) => {
        impl $type {
            /// Hands over the fields that are stored.
            fn stored(&mut self, act: &mut dyn FnMut(&mut $crate::json::Fields<'_>)) {
                act(&mut [$((stringify!($field), &mut self.$field)),*]);
            }
        }

        impl $crate::json::Store for $type {
            fn write(&mut self, out: &mut String) {
                self.stored(&mut |fields| $crate::json::write_object(fields, out));
            }

            fn read(&mut self, value: &$crate::json::Value<'_>) -> bool {
                let mut is_read = false;
                self.stored(&mut |fields| is_read = $crate::json::read_object(fields, value));
                is_read
            }
        }
    };
}

pub(crate) use stored;

/// Stores an enum without fields as a word.
macro_rules! worded {
    ($type:ident { $($word:literal => $variant:ident),* }) => {
        impl $crate::json::Store for $type {
            fn write(&mut self, out: &mut String) {
                let word = match self {
                    $($type::$variant => $word,)*
                };
                $crate::json::quote(word, out);
            }

            fn read(&mut self, value: &$crate::json::Value<'_>) -> bool {
                match value.as_str() {
                    $(Some($word) => *self = $type::$variant,)*
                    _ => return false,
                }
                true
            }
        }
    };
}

pub(crate) use worded;

impl Store for u64 {
    fn write(&mut self, out: &mut String) {
        out.push_str(&self.to_string());
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        value.as_u64().map(|number| *self = number).is_some()
    }
}

impl Store for u32 {
    fn write(&mut self, out: &mut String) {
        u64::from(*self).write(out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.map(|number| *self = number).is_some()
    }
}

impl Store for usize {
    fn write(&mut self, out: &mut String) {
        (*self as u64).write(out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        number.map(|number| *self = number).is_some()
    }
}

impl Store for i64 {
    fn write(&mut self, out: &mut String) {
        out.push_str(&self.to_string());
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let number = match value {
            Value::Number(number) => number.parse().ok(),
            _ => None,
        };
        number.map(|number| *self = number).is_some()
    }
}

impl Store for bool {
    fn write(&mut self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        match value {
            Value::Bool(is) => *self = *is,
            _ => return false,
        }
        true
    }

    fn is_blank(&self) -> bool {
        !*self
    }

    fn clear(&mut self) -> bool {
        *self = false;
        true
    }
}

impl Store for String {
    fn write(&mut self, out: &mut String) {
        quote(self, out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        value.as_str().map(|text| text.clone_into(self)).is_some()
    }
}

impl<T: Store + Default> Store for Option<T> {
    fn write(&mut self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => self.clear(),
            value => self.insert(T::default()).read(value),
        }
    }

    fn is_blank(&self) -> bool {
        self.is_none()
    }

    fn clear(&mut self) -> bool {
        *self = None;
        true
    }
}

impl<T: Store + Default> Store for Vec<T> {
    fn write(&mut self, out: &mut String) {
        out.push('[');
        for (index, value) in self.iter_mut().enumerate() {
            if index > 0 {
                out.push(',');
            }
            value.write(out);
        }
        out.push(']');
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let Value::List(items) = value else {
            return false;
        };
        self.clear();
        items.iter().all(|item| {
            let mut value = T::default();
            let is_read = value.read(item);
            self.push(value);
            is_read
        })
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn clear(&mut self) -> bool {
        self.truncate(0);
        true
    }
}

/// States for the tests of this crate.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Store, Value};

    /// The text of a value.
    pub(crate) fn written(value: &mut dyn Store) -> String {
        let mut text = String::new();
        value.write(&mut text);
        text
    }

    /// The value of a text.
    pub(crate) fn read_back<T: Store + Default>(text: &str) -> Option<T> {
        let mut value = T::default();
        value.read(&Value::parse(text).ok()?).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::written;
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample {
        count: u32,
        level: Option<i64>,
        is_open: bool,
        names: Vec<String>,
    }

    stored!(Sample { count, level, is_open, names });

    fn check(text: &str, expected: Option<&Sample>) {
        let value = Value::parse(text).expect("JSON");
        let mut sample = Sample { level: Some(1), is_open: true, ..Sample::default() };
        let found = sample.read(&value).then_some(sample);
        assert_eq!(found.as_ref(), expected, "{text}");
    }

    #[test]
    fn what_is_blank_is_left_out_and_missed_by_nobody() {
        let out = written(&mut Sample::default());
        assert_eq!(out, r#"{"count":0}"#);
        check(&out, Some(&Sample::default()));
        check(r#"{"count":0,"level":null,"is_open":false,"names":[]}"#, Some(&Sample::default()));
    }

    #[test]
    fn every_field_is_read_back() {
        let mut sample =
            Sample { count: 7, level: Some(-9), is_open: true, names: vec!["a\"b".into()] };
        let out = written(&mut sample);
        assert_eq!(out, r#"{"count":7,"level":-9,"is_open":true,"names":["a\"b"]}"#);
        check(&out, Some(&sample));
    }

    #[test]
    fn a_value_of_another_kind_is_none() {
        for text in [
            "[]",
            "{}",
            r#"{"count":-1}"#,
            r#"{"count":4294967296}"#,
            r#"{"count":"1"}"#,
            r#"{"count":1,"is_open":1}"#,
            r#"{"count":1,"names":["a",1]}"#,
            r#"{"count":1,"names":{}}"#,
        ] {
            check(text, None);
        }
    }
}
