//! What an emulator is started with, and the switches that can be turned while it runs.

use serde::{Deserialize, Serialize};

use crate::auth::AuthForm;
use crate::faults::FaultRule;
use crate::mutations::{RandomMutations, Script};

/// What an emulator is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The access token of the account.
    pub token: String,
    /// Size and seed of the data.
    pub data: Data,
    /// First instant of the clock, in seconds since 1970; every generated contact was last updated
    /// before it.
    pub clock_start: u32,
    /// Seconds that each write request, and each contact changed by a script, moves the clock.
    pub clock_step: u32,
    /// How the API behaves where public sources disagree or say nothing.
    pub switches: Switches,
    /// Faults in the order in which they are considered.
    pub faults: Vec<FaultRule>,
    /// Changes made after given list requests.
    pub script: Script,
    /// Changes made at random after list requests.
    pub random_mutations: Option<RandomMutations>,
}

impl Default for Config {
    /// 1,000 users, 300 leads, a free port and the defaults of [`Switches`].
    fn default() -> Self {
        Self {
            port: 0,
            token: "emulator-7d41f0c2b86e4a1f9c35e2078ad6b94f".to_owned(),
            data: Data::default(),
            clock_start: 1_767_225_600,
            clock_step: 1,
            switches: Switches::default(),
            faults: Vec::new(),
            script: Script::default(),
            random_mutations: None,
        }
    }
}

/// Size and seed of the data. The same values give the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Data {
    /// Number of users, up to 10 million together with the leads.
    pub users: u32,
    /// Number of leads, up to 10 million together with the users.
    pub leads: u32,
    /// Any number; another one gives other contacts.
    pub seed: u64,
    /// So many users, and as many leads, share one `last_update`, as after a bulk import.
    pub bulk_import: u32,
    /// Number of help-centre collections.
    pub collections: u32,
    /// Number of help-centre articles, spread over the collections.
    pub articles: u32,
}

impl Default for Data {
    fn default() -> Self {
        Self { users: 1_000, leads: 300, seed: 1, bulk_import: 0, collections: 4, articles: 130 }
    }
}

/// How the API behaves where public sources disagree or say nothing. The defaults are the likeliest
/// behaviour; each other value is one that a client should survive.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, named at its use")]
pub struct Switches {
    /// The forms of the credential header that are understood.
    pub auth_forms: Vec<AuthForm>,
    /// Status of the answer to a token that is missing or unknown. 500 has a single but specific
    /// source.
    pub bad_token_status: u16,
    /// How a contact that does not exist is reported. Unknown in reality.
    pub unknown_contact: UnknownContact,
    /// Which page sizes are honoured. A ceiling of 100 is probable, what happens above is unknown.
    pub page_size: PageSize,
    /// What page 0 is and what follows the last page.
    pub paging: Paging,
    /// Order of a list without `sort`. Unknown in reality.
    pub default_order: DefaultOrder,
    /// Whether `sort` and `sort_direction` have an effect.
    pub sort_honoured: bool,
    /// Order among contacts that share the value sorted by.
    pub ties: TieOrder,
    /// Whether list rows and single answers have `last_update`.
    pub last_update: bool,
    /// What `attributes` is on a contact without custom properties.
    pub empty_attributes: EmptyAttributes,
    /// Whether a single contact has its custom properties under `custom`, as in 2019.
    pub single_custom: bool,
    /// How rejected rows of a batch are reported.
    pub rejects: Rejects,
    /// What an element of the lists of rejected rows is.
    pub reject_element: RejectElement,
    /// What a text property of more than 128 characters does. Unknown in reality.
    pub long_text: LongText,
    /// The largest batch that is taken; `None` for no limit, as none is documented.
    pub batch_limit: Option<usize>,
    /// Effect of `tags` on a written contact: sources disagree.
    pub written_tags: WrittenTags,
    /// Whether putting a tag on or off moves `last_update`. Unknown in reality.
    pub tags_move_last_update: bool,
    /// Whether a lead that turns user gets a new `last_update`. Unknown in reality.
    pub conversion_moves_last_update: bool,
    /// Whether `DELETE /tags?tag=` works besides the body.
    pub delete_tag_by_query: bool,
    /// What `written_by` of an article is: sources disagree.
    pub written_by: WrittenBy,
    /// Whether contacts are those of a service that has moved on: `web_session` is a text, `facebook_profile_id` is gone,
    /// and `lifetime_value` is new.
    pub schema_drift: bool,
    /// Added to the time of every answer, in milliseconds.
    pub latency_ms: u64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            auth_forms: vec![
                AuthForm::AuthorizationBearer,
                AuthForm::AuthenticationAccessToken,
                AuthForm::AuthenticationBearer,
            ],
            bad_token_status: 500,
            unknown_contact: UnknownContact::InternalError,
            page_size: PageSize::Clamp(100),
            paging: Paging::FromZero,
            default_order: DefaultOrder::Id,
            sort_honoured: true,
            ties: TieOrder::Stable,
            last_update: true,
            empty_attributes: EmptyAttributes::Mixed,
            single_custom: false,
            rejects: Rejects::Both,
            reject_element: RejectElement::Object,
            long_text: LongText::Refuse,
            batch_limit: None,
            written_tags: WrittenTags::Add,
            tags_move_last_update: true,
            conversion_moves_last_update: true,
            delete_tag_by_query: false,
            written_by: WrittenBy::Id,
            schema_drift: false,
            latency_ms: 0,
        }
    }
}

/// How a contact that does not exist is reported.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownContact {
    /// Status 500.
    InternalError,
    /// Status 404.
    NotFound,
    /// Status 200 with an `error` envelope.
    Ok,
}

/// Which page sizes are honoured.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageSize {
    /// More than this is answered as if this had been asked for.
    Clamp(usize),
    /// More than this is an error.
    Refuse(usize),
    /// Only these, in ascending order: the largest that is not above what was asked, else the
    /// smallest.
    Only(Vec<usize>),
}

/// What page 0 is and what follows the last page.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Paging {
    /// Pages start at 0, as confirmed; past the end they are empty.
    FromZero,
    /// Page 1 is the first one, and page 0 is the same.
    FromOne,
    /// Past the end the last page comes again.
    LastRepeats,
}

/// Order of a list without `sort`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultOrder {
    /// `crmhero_user_id`, ascending.
    Id,
    /// A fixed order that follows no field.
    Shuffled,
}

/// Order among contacts that share the value sorted by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieOrder {
    /// By `crmhero_user_id`.
    Stable,
    /// Another order in each answer, as databases without a tie-breaker give. Concerns
    /// `last_update`.
    Shuffled,
}

/// What `attributes` is on a contact without custom properties.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyAttributes {
    /// `[]`.
    Array,
    /// `[]` for some contacts, `{}` for others.
    Mixed,
    /// `{}`.
    Object,
}

/// How rejected rows of a batch are reported.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejects {
    /// `errors` empty and `not_added` with the rows.
    Both,
    /// One bad row makes the whole batch an error with status 500; nothing is written.
    BatchError,
    /// Only the list `errors`.
    Errors,
    /// Only the list `not_added`.
    NotAdded,
    /// No list: `inserted` is lower than the number of rows sent.
    Silent,
}

/// What an element of the lists of rejected rows is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectElement {
    /// The e-mail address alone.
    Email,
    /// `{"email": …, "error": …}`.
    Object,
    /// A text that holds the reason and no address.
    Reason,
    /// A text that holds address and reason.
    Sentence,
}

/// What a text property of more than 128 characters does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LongText {
    /// It is stored up to the 128th character.
    Cut,
    /// The row is rejected.
    Refuse,
}

/// Effect of `tags` on a written contact.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenTags {
    /// They are added to those there.
    Add,
    /// They take the place of those there.
    Replace,
}

/// What `written_by` of an article is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenBy {
    /// The teammate's account id.
    Id,
    /// `{"account_id": …, "email": …, "name": …}`.
    Object,
}
