//! Where records depart from the schema of their stream: counted, and never a reason to hold a record back.
//!
//! A service adds a field, drops one, or changes its type without telling anyone. Every record is handed over as it came;
//! the counts say what changed, so that a person can act before the next table does not fit. Only the fields of a
//! record itself are looked at, not what is nested in them. A schema that names no fields is departed from by none.

mod json_type;

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

pub use self::json_type::JsonType;
use self::json_type::Types;
use crate::bindings::types::Notice;

/// Unknown fields that are told apart; a service that makes up names shall not fill the memory.
const NAMES: usize = 100;
/// Characters that are kept of such a name.
const NAME: usize = 60;
/// Fields that a notice names.
const NAMED: usize = 5;

/// How a field departs from the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Departure {
    /// The schema does not name it.
    Unknown,
    /// The schema names it, and no record of the run has it.
    Absent,
    /// Null, where the schema allows none.
    Null,
    /// Of a type that the schema does not allow.
    Type(JsonType),
}

impl Departure {
    /// A stable word for reports.
    pub fn code(self) -> &'static str {
        match self {
            Departure::Unknown => "unknown",
            Departure::Absent => "absent",
            Departure::Null => "null",
            Departure::Type(_) => "type",
        }
    }
}

/// A field that departs from the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDrift {
    /// Its name.
    pub field: String,
    /// How it departs.
    pub departure: Departure,
    /// In how many records.
    pub records: u64,
}

/// Counts where the records of a run depart from a schema.
#[derive(Debug)]
pub struct SchemaDrift {
    fields: Vec<Field>,
    by_name: HashMap<Box<str>, usize>,
    /// The field that the last record began with.
    first: usize,
    unknown: BTreeMap<String, u64>,
    /// Of unknown fields beyond those that are told apart.
    more_unknown: u64,
    records: u64,
}

#[derive(Debug)]
struct Field {
    name: Box<str>,
    types: Types,
    seen: bool,
    /// The field that came after it in the last record: records mostly have their fields in one order.
    next: usize,
    wrong: BTreeMap<JsonType, u64>,
}

impl SchemaDrift {
    /// For records of this JSON Schema. One that is no schema names no fields.
    pub fn new(schema: &str) -> Self {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        let fields: Vec<_> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, field)| Field {
                name: name.as_str().into(),
                types: Types::parse(field),
                seen: false,
                next: 0,
                wrong: BTreeMap::new(),
            })
            .collect();
        let by_name =
            fields.iter().enumerate().map(|(index, field)| (field.name.clone(), index)).collect();
        SchemaDrift {
            fields,
            by_name,
            first: 0,
            unknown: BTreeMap::new(),
            more_unknown: 0,
            records: 0,
        }
    }

    /// Counts a record: the text of a JSON object. Of a text that is none, what comes before the fault is counted.
    pub fn observe(&mut self, record: &str) {
        if self.fields.is_empty() {
            return;
        }
        self.records += 1;
        let mut parser = serde_json::Deserializer::from_str(record);
        // Whether a record is JSON is not judged here.
        let _ = parser.deserialize_map(Fields(self));
    }

    fn count(&mut self, found: Found, kind: JsonType) {
        match found {
            Found::Known(index) => {
                let field = &mut self.fields[index];
                field.seen = true;
                if !field.types.allow(kind) {
                    *field.wrong.entry(kind).or_default() += 1;
                }
            }
            Found::Unknown(name) => {
                let room = self.unknown.len() < NAMES;
                match self.unknown.entry(name) {
                    Entry::Occupied(mut count) => *count.get_mut() += 1,
                    Entry::Vacant(count) if room => {
                        count.insert(1);
                    }
                    Entry::Vacant(_) => self.more_unknown += 1,
                }
            }
        }
    }

    /// Every field that departs from the schema, and in how many records: those of the schema first, each by name.
    pub fn fields(&self) -> Vec<FieldDrift> {
        let known = self.fields.iter().flat_map(|field| {
            let absent =
                (!field.seen && self.records > 0).then_some((Departure::Absent, self.records));
            let wrong = field.wrong.iter().map(|(&kind, &records)| match kind {
                JsonType::Null => (Departure::Null, records),
                kind => (Departure::Type(kind), records),
            });
            absent.into_iter().chain(wrong).map(|(departure, records)| FieldDrift {
                field: field.name.as_ref().to_owned(),
                departure,
                records,
            })
        });
        let unknown = self.unknown.iter().map(|(name, &records)| FieldDrift {
            field: name.clone(),
            departure: Departure::Unknown,
            records,
        });
        known.chain(unknown).collect()
    }

    /// What a person should know, a sentence for each kind. A field that no record has is not worth one: many are
    /// optional.
    pub fn notices(&self) -> Vec<Notice> {
        let fields = self.fields();
        let of = |wanted: fn(&Departure) -> bool| -> Vec<_> {
            fields.iter().filter(|field| wanted(&field.departure)).collect()
        };
        let unknown = of(|departure| *departure == Departure::Unknown);
        let null = of(|departure| *departure == Departure::Null);
        let of_type = of(|departure| matches!(departure, Departure::Type(_)));
        let more = self.more_unknown;
        let more = if more > 0 { format!(", and {more} times others") } else { String::new() };
        let sentence = |what: &str, fields: &[&FieldDrift], more: &str| {
            (!fields.is_empty()).then(|| Notice {
                code: "schema-drift".into(),
                message: format!("{what}: {}{more}. They were passed on.", Named(fields)),
            })
        };
        [
            sentence("Fields that the schema does not name", &unknown, &more),
            sentence("Fields of a type that the schema does not allow", &of_type, ""),
            sentence("Fields that are null where the schema allows none", &null, ""),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The first few fields, for people.
struct Named<'a>(&'a [&'a FieldDrift]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, drift) in self.0.iter().take(NAMED).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            // A name is the service's: nothing in it moves a terminal's cursor.
            let name: String = drift.field.chars().flat_map(char::escape_debug).collect();
            f.write_str(&name)?;
            if let Departure::Type(kind) = drift.departure {
                write!(f, " as {}", kind.name())?;
            }
            let records = drift.records;
            write!(f, " (in {records} {})", if records == 1 { "record" } else { "records" })?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A field of a record.
enum Found {
    Known(usize),
    Unknown(String),
}

/// Goes over the fields of a record.
struct Fields<'a>(&'a mut SchemaDrift);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut last = None;
        loop {
            let guess = last.map_or(self.0.first, |last: usize| self.0.fields[last].next);
            let Some(found) = map.next_key_seed(Name { drift: self.0, guess })? else {
                return Ok(());
            };
            if let Found::Known(index) = found {
                match last.replace(index) {
                    Some(last) => self.0.fields[last].next = index,
                    None => self.0.first = index,
                }
            }
            let value: &RawValue = map.next_value()?;
            self.0.count(found, JsonType::of(value.get()));
        }
    }
}

/// Finds a field by its name.
struct Name<'a> {
    drift: &'a SchemaDrift,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Found;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Found, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Found, E> {
        if *self.drift.fields[self.guess].name == *name {
            return Ok(Found::Known(self.guess));
        }
        Ok(match self.drift.by_name.get(name) {
            Some(&index) => Found::Known(index),
            None => Found::Unknown(name.chars().take(NAME).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"properties": {
        "id": {"type": "integer"}, "name": {"type": ["string", "null"]},
        "vote": {"type": ["number", "null"]}, "any": {"description": "Unknown."}}}"#;

    fn counted(schema: &str, records: &[&str]) -> SchemaDrift {
        let mut drift = SchemaDrift::new(schema);
        for record in records {
            drift.observe(record);
        }
        drift
    }

    fn check(records: &[&str], expected: &[(&str, Departure, u64)]) {
        let found = counted(SCHEMA, records).fields();
        let found: Vec<_> =
            found.iter().map(|drift| (&*drift.field, drift.departure, drift.records)).collect();
        assert_eq!(found, expected, "{records:?}");
    }

    #[test]
    fn a_record_that_is_as_the_schema_says_departs_in_nothing() {
        check(
            &[
                r#"{"id": 1, "name": "A", "vote": 2.5, "any": [{"id": "x"}]}"#,
                r#"{"any": false, "vote": 3, "name": null, "id": -2}"#,
                r#"{"id": 98765432109876543210, "name": "\ud800", "vote": 1e400, "any": {}}"#,
            ],
            &[],
        );
        check(&[], &[]);
    }

    #[test]
    fn a_field_that_is_new_is_counted_in_each_record() {
        check(
            &[
                r#"{"id": 1, "name": "A", "vote": 1, "any": 1, "plan": 1}"#,
                r#"{"plan": null, "id": 1, "colour": {}}"#,
            ],
            &[("colour", Departure::Unknown, 1), ("plan", Departure::Unknown, 2)],
        );
    }

    #[test]
    fn a_field_is_lost_only_where_no_record_has_it() {
        check(
            &[r#"{"id": 1, "name": "A"}"#, r#"{"id": 2, "vote": 1}"#],
            &[("any", Departure::Absent, 2)],
        );
    }

    #[test]
    fn a_type_that_is_not_allowed_is_counted_by_what_was_found() {
        check(
            &[
                r#"{"id": "1", "name": true, "vote": "9", "any": 1}"#,
                r#"{"id": 1.5, "name": {}, "vote": null, "any": 1}"#,
                r#"{"id": 2.0, "name": [], "vote": 9, "any": 1}"#,
                r#"{"id": "x", "name": "x", "vote": 9, "any": 1}"#,
            ],
            &[
                ("id", Departure::Type(JsonType::Number), 1),
                ("id", Departure::Type(JsonType::String), 2),
                ("name", Departure::Type(JsonType::Boolean), 1),
                ("name", Departure::Type(JsonType::Array), 1),
                ("name", Departure::Type(JsonType::Object), 1),
                ("vote", Departure::Type(JsonType::String), 1),
            ],
        );
    }

    #[test]
    fn a_null_where_none_is_allowed_is_counted_apart() {
        check(
            &[r#"{"id": null, "name": null, "vote": null, "any": null}"#],
            &[("id", Departure::Null, 1)],
        );
    }

    #[test]
    fn what_is_no_record_and_what_is_no_schema_are_passed_over() {
        let odd = ["", "[1]", "{", r#"{"id": 1, "name": "A", "vote": 1, "any": 1, "x"#];
        assert_eq!(counted(SCHEMA, &odd).fields(), []);
        for schema in ["", "true", "{}", r#"{"properties": {}}"#, r#"{"properties": 3}"#] {
            assert_eq!(counted(schema, &[r#"{"id": 1}"#]).fields(), [], "{schema}");
        }
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory_and_are_counted_still() {
        let mut drift = SchemaDrift::new(SCHEMA);
        for number in 0..1000 {
            drift.observe(&format!(
                r#"{{"id": 1, "name": "A", "vote": 1, "any": 1, "f{number:04}": 1}}"#
            ));
        }
        assert_eq!(drift.fields().len(), NAMES);
        let notices = drift.notices();
        assert_eq!(notices.len(), 1);
        assert_eq!(
            notices[0].message,
            "Fields that the schema does not name: f0000 (in 1 record), f0001 (in 1 record), f0002 (in 1 record), \
             f0003 (in 1 record), f0004 (in 1 record) and 95 more, and 900 times others. They were passed on."
        );
    }

    #[test]
    fn a_name_that_the_service_made_up_is_short_and_moves_no_cursor() {
        let record = format!(r#"{{"id": 1, "\u001b[2J\n{}": 1}}"#, "x".repeat(1000));
        let notices = counted(SCHEMA, &[&record]).notices();
        let name = format!(r"\u{{1b}}[2J\n{}", "x".repeat(NAME - 5));
        assert_eq!(
            notices[0].message,
            format!(
                "Fields that the schema does not name: {name} (in 1 record). They were passed on."
            )
        );
    }

    #[test]
    fn a_person_is_told_a_sentence_for_each_kind() {
        let drift = counted(SCHEMA, &[r#"{"id": null, "vote": "9", "plan": 1}"#; 2]);
        let messages: Vec<_> = drift.notices().into_iter().map(|notice| notice.message).collect();
        assert_eq!(
            messages,
            [
                "Fields that the schema does not name: plan (in 2 records). They were passed on.",
                "Fields of a type that the schema does not allow: vote as string (in 2 records). They were passed on.",
                "Fields that are null where the schema allows none: id (in 2 records). They were passed on.",
            ]
        );
    }
}
