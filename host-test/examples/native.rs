//! What reading costs without a component: a program for Customerly alone, to compare `connector read users` with.
//!
//! It fetches the pages that it is told on standard input, one path and query a line, takes key and cursor from each
//! row, drops rows that it has had, and prints the others as JSON lines. It does none of what a host does for a plugin:
//! no policy, no limits, no scrubbing, no state, no retry.
//!
//! `native ORIGIN < pages`; the token comes from `CONNECTOR_API_KEY`.

use std::collections::HashSet;
use std::error::Error;
use std::io::{BufWriter, Write as _};

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    users: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    crmhero_user_id: u64,
    last_update: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let origin = std::env::args().nth(1).ok_or("name the origin")?;
    let token = std::env::var("CONNECTOR_API_KEY")?;
    let mut out = BufWriter::with_capacity(256 << 10, std::io::stdout().lock());
    let mut seen = HashSet::new();
    let mut newest = String::new();
    for page in std::io::stdin().lines() {
        let mut answer = ureq::get(format!("{origin}{}", page?))
            .header("Authentication", format!("Bearer {token}"))
            .call()?;
        let text = answer.body_mut().read_to_string()?;
        let answer: Answer<'_> = serde_json::from_str(&text)?;
        for raw in answer.data.users {
            let row: Row<'_> = serde_json::from_str(raw.get())?;
            if row.last_update > newest.as_str() {
                row.last_update.clone_into(&mut newest);
            }
            if seen.insert(row.crmhero_user_id) {
                out.write_all(raw.get().as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
    }
    out.flush()?;
    eprintln!("{} records, up to {newest}", seen.len());
    Ok(())
}
