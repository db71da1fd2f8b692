//! Everything the account holds, and the changes it can go through.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::config::{Config, Switches};
use crate::contact::{Attributes, Contact, Kind};
use crate::data::Generator;
use crate::listing::{Listing, Order};
use crate::tags::Tags;

/// The account's data. Contacts are known by their position, which never changes.
#[derive(Debug)]
pub(crate) struct Store {
    generator: Generator,
    slots: Vec<Slot>,
    listings: [Listing; 2],
    /// Addresses and ids that the position cannot be read from.
    emails: HashMap<(Kind, String), u32>,
    user_ids: HashMap<String, u32>,
    pub(crate) tags: Tags,
    pub(crate) companies: BTreeMap<String, Company>,
    pub(crate) messages: Vec<Value>,
    pub(crate) clock: Clock,
    /// Counts the changes of who is in which list.
    changes: u32,
    mark: u32,
}

/// A company, which can be written but not read back through the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Company {
    pub(crate) name: Option<String>,
    pub(crate) attributes: Attributes,
}

/// What is known of a contact without generating it.
#[derive(Debug)]
struct Slot {
    /// `None` once deleted.
    kind: Option<Kind>,
    last_update: u32,
    /// The change that made the contact; 0 for the initial data.
    born: u32,
    /// The change that brought it into its list.
    in_list_since: u32,
    /// Where it differs from what the generator makes of the position.
    written: Option<Box<Contact>>,
}

impl Store {
    pub(crate) fn new(config: &Config) -> Self {
        let data = &config.data;
        let generator = Generator::new(data, config.clock_start);
        let total = data.users.saturating_add(data.leads);
        let slots: Vec<Slot> = (0..total)
            .map(|position| {
                let kind = if position < data.users { Kind::Users } else { Kind::Leads };
                Slot {
                    kind: Some(kind),
                    last_update: generator.last_update(position, kind),
                    born: 0,
                    in_list_since: 0,
                    written: None,
                }
            })
            .collect();
        let listing = |range: std::ops::Range<u32>| {
            Listing::new(range.map(|position| (position, slots[index(position)].last_update)))
        };
        Self {
            generator,
            listings: [listing(0..data.users), listing(data.users..total)],
            slots,
            emails: HashMap::new(),
            user_ids: HashMap::new(),
            tags: Tags::generated(),
            companies: BTreeMap::new(),
            messages: Vec::new(),
            clock: Clock::new(config.clock_start, config.clock_step),
            changes: 0,
            mark: 0,
        }
    }

    /// Adds a contact as the generator makes it.
    pub(crate) fn insert_generated(&mut self, kind: Kind, now: u32) -> u32 {
        self.push(kind, now, None)
    }

    /// Adds a contact that the API was sent.
    pub(crate) fn insert_written(&mut self, kind: Kind, email: String, now: u32) -> u32 {
        let position = position(self.slots.len());
        self.emails.insert((kind, email.clone()), position);
        let contact = Contact::written(self.generator.id(position), kind, email, now);
        self.push(kind, now, Some(Box::new(contact)))
    }

    /// Changes a contact that is alive, and moves its `last_update`.
    pub(crate) fn update(&mut self, position: u32, now: u32, change: impl FnOnce(&mut Contact)) {
        let mut contact = self.contact(position);
        change(&mut contact);
        contact.last_update = now;
        if let Some(user_id) = &contact.user_id {
            self.user_ids.insert(user_id.clone(), position);
        }
        let slot = &mut self.slots[index(position)];
        let kind = slot.kind.expect("only contacts that are alive are changed");
        let listing = &mut self.listings[kind.index()];
        listing.remove(position, slot.last_update);
        listing.insert(position, now);
        slot.last_update = now;
        slot.written = Some(Box::new(contact));
    }

    /// Takes a contact out of its list for good.
    pub(crate) fn delete(&mut self, position: u32) {
        self.changes += 1;
        let slot = &mut self.slots[index(position)];
        if let Some(kind) = slot.kind.take() {
            self.listings[kind.index()].remove(position, slot.last_update);
            slot.written = None;
        }
    }

    /// Turns a lead into a user, which keeps its `crmhero_user_id`.
    pub(crate) fn convert(&mut self, position: u32, last_update: u32) {
        self.changes += 1;
        let mut contact = self.contact(position);
        contact.kind = Kind::Users;
        contact.was_lead = true;
        contact.last_update = last_update;
        if let Some(email) = &contact.email {
            self.emails.remove(&(Kind::Leads, email.clone()));
            self.emails.insert((Kind::Users, email.clone()), position);
        }
        let slot = &mut self.slots[index(position)];
        self.listings[Kind::Leads.index()].remove(position, slot.last_update);
        self.listings[Kind::Users.index()].insert(position, last_update);
        slot.kind = Some(Kind::Users);
        slot.last_update = last_update;
        slot.in_list_since = self.changes;
        slot.written = Some(Box::new(contact));
    }

    /// From now on [`Self::alive_throughout`] tells who has been in a list since this moment.
    pub(crate) const fn mark(&mut self) {
        self.mark = self.changes;
    }

    /// The members of a list of the given ranks in an order.
    pub(crate) fn slice(
        &mut self,
        kind: Kind,
        order: Order,
        ranks: (usize, usize),
        ties: Option<u64>,
    ) -> Vec<u32> {
        let (slots, generator) = (&self.slots, &self.generator);
        self.listings[kind.index()]
            .slice(order, ranks.0, ranks.1, ties, |position| contact(slots, generator, position))
    }

    pub(crate) fn listing(&self, kind: Kind) -> &Listing {
        &self.listings[kind.index()]
    }

    /// A contact that is alive.
    pub(crate) fn contact(&self, position: u32) -> Contact {
        contact(&self.slots, &self.generator, position)
    }

    /// Calls `with` on a contact that is alive, without copying a written one.
    pub(crate) fn with_contact(&self, position: u32, with: impl FnOnce(&Contact)) {
        match &self.slots[index(position)].written {
            Some(contact) => with(contact),
            None => with(&self.contact(position)),
        }
    }

    /// `last_update` of a contact, also of one that was deleted.
    pub(crate) fn last_update(&self, position: u32) -> u32 {
        self.slots[index(position)].last_update
    }

    pub(crate) fn by_email(&self, kind: Kind, email: &str) -> Option<u32> {
        let written = self.emails.get(&(kind, email.to_owned())).copied();
        written.into_iter().chain(Generator::position_of_email(email)).find(|&position| {
            self.is_in(position, kind) && self.contact(position).email.as_deref() == Some(email)
        })
    }

    pub(crate) fn by_user_id(&self, user_id: &str) -> Option<u32> {
        let written = self.user_ids.get(user_id).copied();
        written.into_iter().chain(Generator::position_of_user_id(user_id)).find(|&position| {
            self.is_in(position, Kind::Users)
                && self.contact(position).user_id.as_deref() == Some(user_id)
        })
    }

    /// The contact of a `crmhero_user_id`, in either list.
    pub(crate) fn by_id(&self, id: u64) -> Option<(u32, Kind)> {
        let position = self.generator.position_of_id(id)?;
        Some((position, self.slots.get(index(position))?.kind?))
    }

    pub(crate) fn id(&self, position: u32) -> u64 {
        self.generator.id(position)
    }

    /// Who has been in a list, or with `None` in any of the two, from the mark until now.
    pub(crate) fn alive_throughout(&self, kind: Option<Kind>) -> Vec<u64> {
        (0..position(self.slots.len()))
            .filter(|&position| {
                let slot = &self.slots[index(position)];
                match kind {
                    Some(_) => slot.kind == kind && slot.in_list_since <= self.mark,
                    None => slot.kind.is_some() && slot.born <= self.mark,
                }
            })
            .map(|position| self.generator.id(position))
            .collect()
    }

    /// Sets custom properties of a company, made where it is new.
    pub(crate) fn write_company(
        &mut self,
        id: &str,
        name: Option<String>,
        attributes: Map<String, Value>,
    ) {
        let company = self.companies.entry(id.to_owned()).or_default();
        if name.is_some() {
            company.name = name;
        }
        company.attributes.merge(attributes);
    }

    /// What was written of companies: `{"ID": {"name": …, "attributes": {…}}}`.
    pub(crate) fn companies_json(&self) -> Value {
        let companies = self.companies.iter().map(|(id, company)| {
            let attributes = company.attributes.to_map();
            (id.clone(), json!({"name": company.name, "attributes": attributes}))
        });
        Value::Object(companies.collect())
    }

    fn push(&mut self, kind: Kind, now: u32, written: Option<Box<Contact>>) -> u32 {
        self.changes += 1;
        let position = position(self.slots.len());
        self.slots.push(Slot {
            kind: Some(kind),
            last_update: now,
            born: self.changes,
            in_list_since: self.changes,
            written,
        });
        self.listings[kind.index()].insert(position, now);
        position
    }

    fn is_in(&self, position: u32, kind: Kind) -> bool {
        self.slots.get(index(position)).is_some_and(|slot| slot.kind == Some(kind))
    }
}

/// Appends the list rows of contacts that are alive, separated by commas.
pub(crate) fn render_rows(
    out: &mut Vec<u8>,
    store: &Store,
    positions: &[u32],
    switches: &Switches,
) {
    for (at, &position) in positions.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        store.with_contact(position, |contact| crate::render::list_row(out, contact, switches));
    }
}

fn contact(slots: &[Slot], generator: &Generator, position: u32) -> Contact {
    let slot = &slots[index(position)];
    if let Some(contact) = &slot.written {
        return (**contact).clone();
    }
    let kind = slot.kind.expect("only contacts that are alive are asked for");
    generator.contact(position, kind, slot.last_update)
}

fn index(position: u32) -> usize {
    usize::try_from(position).expect("usize has at least 32 bits")
}

fn position(index: usize) -> u32 {
    u32::try_from(index).expect("an account of four thousand million contacts fits no memory")
}
