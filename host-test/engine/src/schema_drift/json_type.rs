//! The types of JSON: which one a text is, and which ones a schema allows.

use serde_json::Value;

/// A JSON type, as a schema names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// A number with one.
    Number,
    /// A text.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl JsonType {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// Its name in a schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// What a JSON text is, by its first byte; a number is an integer until its digits are looked at.
    const BY_FIRST_BYTE: [Self; 256] = {
        let mut types = [Self::Integer; 256];
        types[b'n' as usize] = Self::Null;
        types[b't' as usize] = Self::Boolean;
        types[b'f' as usize] = Self::Boolean;
        types[b'"' as usize] = Self::String;
        types[b'[' as usize] = Self::Array;
        types[b'{' as usize] = Self::Object;
        types
    };

    pub(super) fn of(json: &str) -> Self {
        let first = json.as_bytes().first().copied().unwrap_or_default();
        // By a table: a jump that cannot be foretold costs more than all else here.
        match Self::BY_FIRST_BYTE[usize::from(first)] {
            Self::Integer if !is_integer(json) => Self::Number,
            known => known,
        }
    }
}

/// Whether a number has no fraction: to a schema, 2.0 is an integer.
fn is_integer(number: &str) -> bool {
    number.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
        || number.parse::<f64>().is_ok_and(|number| number.fract() == 0.0)
}

/// The types that a schema allows a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Types(u8);

impl Types {
    pub(super) fn parse(field: &Value) -> Self {
        let bit = |name: &Value| {
            let known = JsonType::ALL.into_iter().find(|known| name == known.name());
            match known {
                Some(JsonType::Number) => {
                    1 << JsonType::Number as u8 | 1 << JsonType::Integer as u8
                }
                Some(known) => 1 << known as u8,
                None => 0,
            }
        };
        match &field["type"] {
            Value::Null => Types(u8::MAX),
            Value::Array(names) => Types(names.iter().map(bit).fold(0, |all, bit| all | bit)),
            name => Types(bit(name)),
        }
    }

    pub(super) fn allow(self, found: JsonType) -> bool {
        self.0 & 1 << found as u8 != 0
    }
}
