//! What was posted: the fields of a form of this process, from either encoding that browsers use.

use axum::extract::{Form, FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;

use super::app::App;
use super::fault::Fault;

/// The fields of a form that carried this process's token.
pub(super) struct Posted(Vec<(String, String)>);

impl Posted {
    /// The field of this name; empty where it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// All values of this name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let same = |(known, _): &&(String, String)| known == name;
        self.0.iter().filter(same).map(|(_, value)| value.clone()).collect()
    }
}

impl FromRequest<App> for Posted {
    type Rejection = Fault;

    async fn from_request(request: Request, app: &App) -> Result<Self, Fault> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let fields = if kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            parts(request, app).await?
        } else {
            let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, app)
                .await
                .map_err(|_| unreadable())?;
            fields
        };
        let posted = Posted(fields);
        if posted.text("csrf") == app.csrf {
            Ok(posted)
        } else {
            Err(Fault::forbidden(
                "This form is of an earlier run of the page. Go back, load the page again, and repeat.",
            ))
        }
    }
}

async fn parts(request: Request, app: &App) -> Result<Vec<(String, String)>, Fault> {
    let mut parts = Multipart::from_request(request, app).await.map_err(|_| unreadable())?;
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.push((name, part.text().await.map_err(|_| unreadable())?));
    }
    Ok(fields)
}

fn unreadable() -> Fault {
    Fault::refused("What was sent is too large, or no form.")
}
