//! The vocabulary of generated data: fixed tables, in several scripts.

/// Tags that generated contacts carry.
pub(crate) const TAGS: [&str; 8] = [
    "beta",
    "churn risk",
    "enterprise",
    "newsletter",
    "purchased",
    "très important",
    "trial",
    "vip",
];

/// Names as displayed, and as an address is made of them.
pub(crate) const FIRST_NAMES: &[(&str, &str)] = &[
    ("Nora", "nora"),
    ("Łukasz", "lukasz"),
    ("José", "jose"),
    ("Olga", "olga"),
    ("Ольга", "olga"),
    ("Björn", "bjorn"),
    ("Zoë", "zoe"),
    ("さくら", "sakura"),
    ("李雷", "lilei"),
    ("محمد", "muhammad"),
    ("Siobhán", "siobhan"),
    ("Anaïs", "anais"),
    ("Chidi", "chidi"),
    ("Priya", "priya"),
    ("Giulia", "giulia"),
    ("Luca", "luca"),
    ("Emma", "emma"),
    ("Noah", "noah"),
    ("Δημήτρης", "dimitris"),
    ("Nguyễn", "nguyen"),
    ("Jean \"JJ\"", "jean"),
    ("Maya 🌱", "maya"),
];

/// Family names as displayed, and as an address is made of them.
pub(crate) const LAST_NAMES: &[(&str, &str)] = &[
    ("Lind", "lind"),
    ("O'Brien", "obrien"),
    ("Kowalski", "kowalski"),
    ("García Márquez", "garcia"),
    ("Иванова", "ivanova"),
    ("Müller-Lüdenscheidt", "mueller"),
    ("Rossi", "rossi"),
    ("Ferrari", "ferrari"),
    ("田中", "tanaka"),
    ("Okonkwo", "okonkwo"),
    ("Sharma", "sharma"),
    ("Smith", "smith"),
    ("van der Berg", "vanderberg"),
    ("Sørensen", "sorensen"),
    ("Παπαδόπουλος", "papadopoulos"),
    ("Yılmaz", "yilmaz"),
    ("Dupont", "dupont"),
    ("Novák", "novak"),
];

pub(crate) const EMAIL_DOMAINS: &[&str] = &[
    "example.com",
    "example.org",
    "mail.example.net",
    "shop.example.com",
    "xn--bcher-kva.example",
];

pub(crate) const BACKGROUNDS: &[&str] = &["#5b8def", "#ef8d5b", "#3aa776", "#a73a6c", "#6c5bef"];

/// Country, code, region, region code, city, postal code, continent, code, time zone, latitude,
/// longitude, internet provider.
pub(crate) type Place = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    f64,
    f64,
    &'static str,
);

#[rustfmt::skip]
pub(crate) const PLACES: &[Place] = &[
    ("Sweden", "SE", "Skåne", "M", "Lund", "22100", "Europe", "EU", "Europe/Stockholm", 55.7, 13.19, "Example Net"),
    ("Italy", "IT", "Lombardy", "25", "Milan", "20121", "Europe", "EU", "Europe/Rome", 45.4642, 9.19, "Esempio Fibra S.p.A."),
    ("United States", "US", "California", "CA", "San Francisco", "94103", "North America", "NA", "America/Los_Angeles", 37.7749, -122.4194, "Example Broadband Communications, LLC"),
    ("Japan", "JP", "東京都", "13", "東京", "100-0001", "Asia", "AS", "Asia/Tokyo", 35.6895, 139.6917, "例ネットワーク"),
    ("Brazil", "BR", "São Paulo", "SP", "São Paulo", "01000-000", "South America", "SA", "America/Sao_Paulo", -23.5475, -46.6361, "Exemplo Telecom"),
    ("Nigeria", "NG", "Lagos", "LA", "Lagos", "", "Africa", "AF", "Africa/Lagos", 6.4541, 3.3947, "Example Mobile"),
    ("Germany", "DE", "Nordrhein-Westfalen", "NW", "Köln", "50667", "Europe", "EU", "Europe/Berlin", 50.9333, 6.95, "Beispiel Netz GmbH & Co. KG"),
    ("Australia", "AU", "New South Wales", "NSW", "Sydney", "2000", "Oceania", "OC", "Australia/Sydney", -33.8678, 151.2073, "Example \"Wireless\" Pty"),
];

/// Name, version, language, operating system, its version.
pub(crate) type Browser = (&'static str, &'static str, &'static str, &'static str, &'static str);

pub(crate) const BROWSERS: &[Browser] = &[
    ("Firefox", "127.0", "sv", "Linux", ""),
    ("Chrome", "126.0.6478.127", "en-US", "Windows", "10"),
    ("Safari", "17.5", "it-IT", "OS X", "10.15.7"),
    ("Chrome Mobile", "126.0.6478.122", "pt-BR", "Android", "14"),
    ("Mobile Safari", "17.5", "ja", "iOS", "17.5.1"),
    ("Edge", "126.0.2592.87", "de-DE", "Windows", "11"),
];

/// Referrer, and source, medium, campaign, term and content of a campaign.
pub(crate) type Origin = (
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

pub(crate) const ORIGINS: &[Origin] = &[
    (None, Some("newsletter"), Some("email"), Some("june"), None, None),
    (Some("https://search.example.com/"), None, None, None, None, None),
    (
        Some("https://search.example.com/?q=live+chat&hl=en"),
        Some("search"),
        Some("cpc"),
        Some("brand_2025_q3"),
        Some("live chat"),
        Some("variant-b"),
    ),
    (None, None, None, None, None, None),
    (
        Some("https://social.example.com/p/91"),
        Some("social"),
        Some("post"),
        Some("été"),
        None,
        None,
    ),
];

pub(crate) const PAGES: &[&str] = &[
    "https://shop.example.com/pricing",
    "https://shop.example.com/",
    "https://shop.example.com/docs/getting-started",
    "https://shop.example.com/checkout?step=2",
    "https://shop.example.com/fr/à-propos",
];

pub(crate) const PLANS: &[&str] = &["free", "pro", "business", "enterprise"];

pub(crate) const ROLES: &[&str] =
    &["owner", "admin", "développeuse", "support agent", "マーケティング"];

/// Sentences that notes are made of; one alone stays below the 128 characters of a text property.
pub(crate) const NOTES: &[&str] = &[
    "Asked for an invoice with the old address; follow up after the renewal.",
    "Prefers to be called in the morning. Uses \"dark mode\" everywhere.",
    "Ha chiesto uno sconto per il piano annuale: non più del 10%.",
    "次回の更新前に連絡すること。",
    "Migrated from another tool\ttwo seats are still unused.",
    "Loves the product 🎉 and would be a good reference customer.",
];

pub(crate) const TEAM: &[(u32, &str, &str)] = &[
    (41_657, "agent@example.com", "Ada Agent"),
    (41_658, "björn.support@example.com", "Björn Support"),
    (41_702, "giulia@example.com", "Giulia Verdi"),
];

pub(crate) const TOPICS: &[&str] = &[
    "Getting started",
    "Billing & invoices",
    "Integrations",
    "Dépannage",
    "Account security",
    "Mobile apps",
];
