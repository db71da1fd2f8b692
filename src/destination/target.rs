//! Which targets and operations there are: one table, from which both the contract's description and the code that
//! writes are taken.

use super::company;
use super::contact::{self, ContactKind, Upsert};
use super::custom::Custom;
use super::delete::Delete;
use super::message::Send;
use super::options::Options;
use super::tags::{self, Drop, Tagging};
use super::user::{AddToCompany, SetAttributes, Unsubscribe};
use super::writer::Writer;
use crate::bindings::destination::{Effect, Operation, Target};
use crate::json::include_json;

/// An operation of a target.
pub(super) struct Entry {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    effect: Effect,
    schema: &'static str,
    keys: &'static [&'static [&'static str]],
    batch: u32,
    /// Whether writing a record twice is the same as writing it once.
    pub(super) repeat_safe: bool,
    settles: bool,
    confirm: bool,
    options: &'static str,
    /// Makes the code that writes of the options.
    pub(super) writer: fn(&mut Options<'_>) -> Box<dyn Writer>,
}

/// The operation of this name.
pub(super) fn entry(target: &str, operation: &str) -> Option<&'static Entry> {
    let group = GROUPS.iter().find(|group| group.name == target)?;
    group.operations.iter().find(|entry| entry.name == operation)
}

/// Every target.
pub(super) fn all() -> Vec<Target> {
    GROUPS.iter().map(target).collect()
}

struct Group {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    operations: &'static [Entry],
}

fn target(group: &Group) -> Target {
    Target {
        name: group.name.into(),
        title: group.title.into(),
        description: group.description.into(),
        operations: group.operations.iter().map(operation).collect(),
    }
}

fn operation(entry: &Entry) -> Operation {
    let keys = entry.keys.iter().map(|set| set.iter().map(|name| (*name).into()).collect());
    Operation {
        name: entry.name.into(),
        title: entry.title.into(),
        description: entry.description.into(),
        effect: entry.effect,
        schema: entry.schema.into(),
        keys: keys.collect(),
        batch: entry.batch,
        repeat_safe: entry.repeat_safe,
        settles: entry.settles,
        confirm: entry.confirm,
        options: entry.options.into(),
    }
}

/// Records of one call where each has a request of its own: a call of modest length.
const ONE_BY_ONE: u32 = 25;

/// Where a repeat does harm, one record a call: no more than one is unknown after a crash.
const ALONE: u32 = 1;

const GROUPS: &[Group] = &[
    Group {
        name: "users",
        title: "Users",
        description: "Contacts that signed up.",
        operations: &[
            Entry {
                name: "upsert",
                title: "Create or update",
                description: "Creates the user of an e-mail, or updates the fields that are given (confirmed). Fields that are left out keep their value (inferred). 50 go in one request, as a production client sends them (single source).",
                effect: Effect::Upsert,
                schema: include_json!("schemas/user.json"),
                keys: &[&["email"]],
                batch: contact::PER_REQUEST,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/contact-options.json"),
                writer: |options| Box::new(Upsert::from_options(ContactKind::User, options)),
            },
            Entry {
                name: "delete",
                title: "Delete",
                description: "Removes a user (confirmed), with conversations, survey and campaign records (single source). It cannot be undone.",
                effect: Effect::Delete,
                schema: include_json!("schemas/user-delete.json"),
                keys: &[&["email"], &["user_id"]],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/user-delete-options.json"),
                writer: |options| Box::new(Delete::from_options(ContactKind::User, options)),
            },
            Entry {
                name: "unsubscribe",
                title: "Unsubscribe",
                description: "Marks a user as unsubscribed (single source). Which id the API wants is uncertain: the option `id_field` chooses.",
                effect: Effect::Update,
                schema: include_json!("schemas/user-unsubscribe.json"),
                keys: &[&["crmhero_user_id"], &["user_id"]],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/user-unsubscribe-options.json"),
                writer: |options| Box::new(Unsubscribe::from_options(options)),
            },
            Entry {
                name: "set-attributes",
                title: "Set custom properties",
                description: "Sets custom properties of the user with a `user_id` (single source).",
                effect: Effect::Update,
                schema: include_json!("schemas/user-attributes.json"),
                keys: &[&["user_id"]],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/property-options.json"),
                writer: |options| Box::new(SetAttributes::from_options(options)),
            },
            Entry {
                name: "add-to-company",
                title: "Add to a company",
                description: "Links a user to a company, and creates the company if it is new (single source). That linking twice is the same as once is inferred.",
                effect: Effect::Update,
                schema: include_json!("schemas/user-company.json"),
                keys: &[
                    &["company_id", "user_id"],
                    &["company_id", "email"],
                    &["company_id", "internal_user_id"],
                ],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: false,
                confirm: false,
                options: include_json!("schemas/property-options.json"),
                writer: |options| Box::new(AddToCompany::from_options(options)),
            },
        ],
    },
    Group {
        name: "leads",
        title: "Leads",
        description: "Contacts that have not signed up.",
        operations: &[
            Entry {
                name: "upsert",
                title: "Create or update",
                description: "Creates the lead of an e-mail, or updates the fields that are given (confirmed). Fields that are left out keep their value (inferred). 50 go in one request, as a production client sends users (single source).",
                effect: Effect::Upsert,
                schema: include_json!("schemas/lead.json"),
                keys: &[&["email"]],
                batch: contact::PER_REQUEST,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/contact-options.json"),
                writer: |options| Box::new(Upsert::from_options(ContactKind::Lead, options)),
            },
            Entry {
                name: "delete",
                title: "Delete",
                description: "Removes a lead (confirmed), with conversations, survey and campaign records (single source). It cannot be undone.",
                effect: Effect::Delete,
                schema: include_json!("schemas/lead-delete.json"),
                keys: &[&["email"]],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/extra-options.json"),
                writer: |options| Box::new(Delete::from_options(ContactKind::Lead, options)),
            },
        ],
    },
    Group {
        name: "companies",
        title: "Companies",
        description: "Companies, which users are linked to. The API can write them, but not list or read them.",
        operations: &[Entry {
            name: "set-attributes",
            title: "Set custom properties",
            description: "Sets custom properties of a company, and renames it (single source).",
            effect: Effect::Update,
            schema: include_json!("schemas/company.json"),
            keys: &[&["company_id"]],
            batch: ONE_BY_ONE,
            repeat_safe: true,
            settles: false,
            confirm: false,
            options: include_json!("schemas/property-options.json"),
            writer: |options| Box::new(company::SetAttributes::from_options(options)),
        }],
    },
    Group {
        name: "tags",
        title: "Tags",
        description: "Tags of contacts. A tag's name is its identity; a name that is new makes a tag (inferred).",
        operations: &[
            Entry {
                name: "add",
                title: "Put on contacts",
                description: "Puts a tag on a contact (the call is confirmed, its fields are from a single source). Contacts of one tag share requests. The answer names no contact: one that does not exist may pass unseen.",
                effect: Effect::Upsert,
                schema: include_json!("schemas/tagging.json"),
                keys: &[&["tag", "user_id"], &["tag", "email"]],
                batch: tags::PER_REQUEST,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/extra-options.json"),
                writer: |options| Box::new(Tagging::from_options(false, options)),
            },
            Entry {
                name: "remove",
                title: "Take off contacts",
                description: "Takes a tag off a contact (the call is confirmed, its fields are from a single source). Contacts of one tag share requests. The answer names no contact: one that does not exist may pass unseen.",
                effect: Effect::Delete,
                schema: include_json!("schemas/tagging.json"),
                keys: &[&["tag", "user_id"], &["tag", "email"]],
                batch: tags::PER_REQUEST,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/extra-options.json"),
                writer: |options| Box::new(Tagging::from_options(true, options)),
            },
            Entry {
                name: "delete",
                title: "Drop from the project",
                description: "Drops a tag from the project, and so from every contact (the call is confirmed, its body is from a single source). It cannot be undone.",
                effect: Effect::Delete,
                schema: include_json!("schemas/tag.json"),
                keys: &[&["tag"]],
                batch: ONE_BY_ONE,
                repeat_safe: true,
                settles: true,
                confirm: false,
                options: include_json!("schemas/extra-options.json"),
                writer: |options| Box::new(Drop::from_options(options)),
            },
        ],
    },
    Group {
        name: "messages",
        title: "Messages",
        description: "Messages between teammates and contacts. The API can send them, but not read them.",
        operations: &[Entry {
            name: "send",
            title: "Send",
            description: "Sends a message (confirmed). A real person sees it at once, and may get an e-mail (single source); it cannot be taken back, and sending it again sends it twice.",
            effect: Effect::Act,
            schema: include_json!("schemas/message.json"),
            keys: &[],
            batch: ALONE,
            repeat_safe: false,
            settles: false,
            confirm: true,
            options: include_json!("schemas/extra-options.json"),
            writer: |options| Box::new(Send::from_options(options)),
        }],
    },
    Group {
        name: "custom",
        title: "Any call",
        description: "Manual mode: POST or DELETE to any path of the API, with the record in the path, the query or the body.",
        operations: &[Entry {
            name: "request",
            title: "Send a request",
            description: "Sends one request for each record. It can do anything that the API can, sending messages and deleting included, so it asks for consent; nothing is known of repeating it.",
            effect: Effect::Act,
            schema: include_json!("schemas/any.json"),
            keys: &[],
            batch: ALONE,
            repeat_safe: false,
            settles: false,
            confirm: true,
            options: include_json!("schemas/custom-options.json"),
            writer: |options| Box::new(Custom::from_options(options)),
        }],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value, json};

    use super::super::writer::LeftOut;
    use super::*;

    /// Options of a schema with their defaults, and what has no default but is required.
    fn defaults(schema: &Value) -> Map<String, Value> {
        let fields = schema["properties"].as_object().expect("properties").iter();
        let known = json!({"path": "/messages"});
        fields
            .filter_map(|(name, field)| {
                let value = field.get("default").or_else(|| known.get(name))?;
                Some((name.clone(), value.clone()))
            })
            .collect()
    }

    fn each(check: impl Fn(&Entry, Value, Value)) {
        for entry in GROUPS.iter().flat_map(|group| group.operations) {
            let schema = serde_json::from_str(entry.schema).expect("a record's schema is JSON");
            let options = serde_json::from_str(entry.options).expect("an options form is JSON");
            check(entry, schema, options);
        }
    }

    #[test]
    fn the_forms_and_the_code_agree_on_the_options() {
        each(|entry, _, form| {
            let values = defaults(&form);
            let text = Value::Object(values).to_string();
            let mut options = Options::parse(&text);
            (entry.writer)(&mut options);
            assert_eq!(options.finish(), [], "{}", entry.title);
            for (name, field) in form["properties"].as_object().expect("properties") {
                for choice in field["oneOf"].as_array().into_iter().flatten() {
                    let text = json!({name: choice["const"], "path": "/x"}).to_string();
                    let mut options = Options::parse(&text);
                    (entry.writer)(&mut options);
                    let problems = options.finish();
                    assert!(
                        problems.iter().all(|problem| problem.field != format!("/{name}")),
                        "{} {problems:?}",
                        entry.title
                    );
                }
            }
        });
    }

    #[test]
    fn an_option_that_no_form_has_is_refused() {
        each(|entry, _, _| {
            let mut options = Options::parse(r#"{"path":"/x","colour":"red"}"#);
            (entry.writer)(&mut options);
            assert!(options.finish().iter().any(|problem| problem.field == "/colour"));
        });
    }

    #[test]
    fn the_examples_of_each_schema_are_accepted_and_use_only_its_fields() {
        each(|entry, schema, form| {
            let values = Value::Object(defaults(&form)).to_string();
            let writer = (entry.writer)(&mut Options::parse(&values));
            let examples = schema["examples"].as_array().expect("examples");
            let mut used = BTreeSet::new();
            for example in examples {
                let parsed = writer.parse(&example.to_string(), &mut LeftOut::default());
                assert!(parsed.is_ok(), "{} {example} {parsed:?}", entry.title);
                used.extend(example.as_object().expect("an object").keys().cloned());
            }
            if let Some(fields) = schema["properties"].as_object() {
                let known: BTreeSet<String> = fields.keys().cloned().collect();
                assert_eq!(used, known, "{}", entry.title);
            }
        });
    }

    #[test]
    fn what_does_harm_when_repeated_goes_alone_and_needs_consent() {
        each(|entry, _, _| {
            if !entry.repeat_safe {
                assert_eq!((entry.batch, entry.confirm), (1, true), "{}", entry.title);
            }
        });
    }

    #[test]
    fn names_are_unique_and_found() {
        for target in all() {
            let names: BTreeSet<_> = target.operations.iter().map(|o| o.name.clone()).collect();
            assert_eq!(names.len(), target.operations.len());
            for name in names {
                assert!(entry(&target.name, &name).is_some());
            }
        }
        assert!(entry("users", "send").is_none() && entry("events", "upsert").is_none());
    }

    #[test]
    fn the_targets_are_as_described() {
        let lines: Vec<_> = all()
            .iter()
            .flat_map(|target| {
                target.operations.iter().map(|operation| {
                    format!(
                        "{}.{}: {:?}, {} at a time, keys {:?}{}{}{}",
                        target.name,
                        operation.name,
                        operation.effect,
                        operation.batch,
                        operation.keys,
                        if operation.repeat_safe { ", repeat-safe" } else { "" },
                        if operation.settles { ", settles" } else { "" },
                        if operation.confirm { ", confirm" } else { "" },
                    )
                })
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
