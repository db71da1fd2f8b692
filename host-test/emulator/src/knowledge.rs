//! The help centre: collections, articles and who may write them. Read only, since the bodies of
//! its writes are unknown.

use serde_json::{Value, json};

use crate::config::{Config, WrittenBy};
use crate::data::APP_ID;
use crate::random::{Random, hash};
use crate::words::{NOTES, TEAM, TOPICS};

/// Collections and articles of a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knowledge {
    seed: u64,
    collections: u32,
    articles: u32,
    start: u32,
}

impl Knowledge {
    pub(crate) const fn new(config: &Config) -> Self {
        let data = &config.data;
        Self {
            seed: data.seed,
            collections: data.collections,
            articles: if data.collections == 0 { 0 } else { data.articles },
            start: config.clock_start,
        }
    }

    pub(crate) fn collections(&self) -> Vec<Value> {
        (0..self.collections).map(collection).collect()
    }

    pub(crate) fn collection(&self, id: u32) -> Option<Value> {
        let position = id.checked_sub(FIRST_COLLECTION)?;
        (position < self.collections).then(|| collection(position))
    }

    /// The articles of the given ranks, of one collection or of all.
    pub(crate) fn articles(
        &self,
        collection: Option<u32>,
        start: usize,
        end: usize,
        written_by: WrittenBy,
    ) -> Vec<Value> {
        (0..self.articles)
            .filter(|position| collection.is_none_or(|id| self.collection_of(*position) == id))
            .skip(start)
            .take(end.saturating_sub(start))
            .map(|position| self.make_article(position, written_by))
            .collect()
    }

    /// How many articles there are, of one collection or of all.
    pub(crate) fn count(&self, collection: Option<u32>) -> usize {
        (0..self.articles)
            .filter(|position| collection.is_none_or(|id| self.collection_of(*position) == id))
            .count()
    }

    pub(crate) fn article(&self, id: u32, written_by: WrittenBy) -> Option<Value> {
        let position = id.checked_sub(FIRST_ARTICLE)?;
        (position < self.articles).then(|| self.make_article(position, written_by))
    }

    const fn collection_of(&self, position: u32) -> u32 {
        FIRST_COLLECTION + position % self.collections
    }

    fn make_article(&self, position: u32, written_by: WrittenBy) -> Value {
        let random = &mut Random::new(hash(self.seed, ARTICLE, position.into()));
        let title = format!("{} {position}", random.pick(TOPICS));
        let (account_id, email, name) = TEAM[random.index(TEAM.len())];
        let age = u32::try_from(random.below(31_536_000)).expect("a year fits");
        let paragraph = format!("<p>{} &amp; {}</p>", random.pick(NOTES), random.pick(NOTES));
        json!({
            "knowledge_base_article_id": FIRST_ARTICLE + position,
            "knowledge_base_collection_id": self.collection_of(position),
            "app_id": APP_ID,
            "title": title,
            "description": random.pick(NOTES),
            "body": paragraph.repeat(1 + random.index(8)),
            "slug": format!("article-{position}"),
            "status": if random.one_in(6) { "draft" } else { "published" },
            "written_by": match written_by {
                WrittenBy::Id => json!(account_id),
                WrittenBy::Object => {
                    json!({"account_id": account_id, "email": email, "name": name})
                }
            },
            "created_at": self.start.saturating_sub(age),
            "updated_at": self.start.saturating_sub(age / 2),
            "num_visits": random.below(5_000),
            "num_positive_reactions": random.below(300),
            "num_neutral_reactions": random.below(40),
            "num_negative_reactions": random.below(20),
            "keywords": "",
            "sort": position,
        })
    }
}

/// The teammates of the project.
pub(crate) fn team() -> Value {
    let account = |&(account_id, email, name): &(u32, &str, &str)| json!({"account_id": account_id, "email": email, "name": name});
    TEAM.iter().map(account).collect()
}

fn collection(position: u32) -> Value {
    let topic = TOPICS[usize::try_from(position).expect("fits") % TOPICS.len()];
    json!({
        "knowledge_base_collection_id": FIRST_COLLECTION + position,
        "app_id": APP_ID,
        "title": topic,
        "description": format!("Everything about: {topic}"),
        "slug": format!("collection-{position}"),
        "icon": "book",
        "sort": position,
        "locale": "en",
    })
}

const FIRST_COLLECTION: u32 = 3_001;
const FIRST_ARTICLE: u32 = 12_001;
const ARTICLE: u64 = 5;
