//! Which header forms carry the token, and the two exact complaints about one that does not.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::config::Switches;

/// A form in which the token is sent. Forms that no working client uses are refused: a bare
/// `Authorization: TOKEN`, and an `AccessToken` header.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthForm {
    /// `Authentication: AccessToken: TOKEN`, confirmed up to 2022.
    AuthenticationAccessToken,
    /// `Authentication: TOKEN`, a single source; off by default.
    AuthenticationBare,
    /// `Authentication: Bearer TOKEN`, as the platform's guide documents.
    AuthenticationBearer,
    /// `Authorization: Bearer TOKEN`, confirmed.
    AuthorizationBearer,
}

/// Why a request is not let in; `Display` is the message of the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("You must provide a valid header Authorization: Bearer <TOKEN>")]
    NoUsableHeader,
    #[error("Access token not found.")]
    UnknownToken,
}

/// The forms and tokens that a request carries, whether accepted or not.
pub(crate) fn sent(headers: &HeaderMap) -> Vec<(AuthForm, String)> {
    let mut found = Vec::new();
    for value in headers.get_all("authorization") {
        if let Some(token) = text(value.as_bytes()).strip_prefix("Bearer ") {
            found.push((AuthForm::AuthorizationBearer, token.to_owned()));
        }
    }
    for value in headers.get_all("authentication") {
        let value = text(value.as_bytes());
        found.push(if let Some(token) = value.strip_prefix("Bearer ") {
            (AuthForm::AuthenticationBearer, token.to_owned())
        } else if let Some(token) = value.strip_prefix("AccessToken: ") {
            (AuthForm::AuthenticationAccessToken, token.to_owned())
        } else {
            (AuthForm::AuthenticationBare, value)
        });
    }
    found
}

/// Lets a request in where one accepted form carries the account's token.
pub(crate) fn authorise(
    sent: &[(AuthForm, String)],
    token: &str,
    switches: &Switches,
) -> Result<(), Refused> {
    let usable = || sent.iter().filter(|(form, _)| switches.auth_forms.contains(form));
    if usable().any(|(_, sent)| sent == token) {
        Ok(())
    } else if usable().next().is_some() {
        Err(Refused::UnknownToken)
    } else {
        Err(Refused::NoUsableHeader)
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn check(header: (&'static str, &'static str), forms: &[AuthForm], expected: Option<Refused>) {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(header.0), HeaderValue::from_static(header.1));
        let switches = Switches { auth_forms: forms.to_vec(), ..Switches::default() };
        assert_eq!(authorise(&sent(&headers), "t0ken", &switches).err(), expected, "{header:?}");
    }

    #[test]
    fn three_forms_are_accepted_by_default_and_the_others_refused() {
        let default = Switches::default().auth_forms;
        check(("authorization", "Bearer t0ken"), &default, None);
        check(("authentication", "Bearer t0ken"), &default, None);
        check(("authentication", "AccessToken: t0ken"), &default, None);
        let refused = Some(Refused::NoUsableHeader);
        check(("authentication", "t0ken"), &default, refused);
        check(("authorization", "t0ken"), &default, refused);
        check(("authentication", "AccessToken t0ken"), &default, refused);
        check(("accesstoken", "t0ken"), &default, refused);
    }

    #[test]
    fn a_wrong_token_in_an_accepted_form_is_not_found() {
        let default = Switches::default().auth_forms;
        let refused = Some(Refused::UnknownToken);
        check(("authorization", "Bearer other"), &default, refused);
        check(("authentication", "Bearer "), &default, refused);
        check(("authentication", "AccessToken: t0ken "), &default, refused);
    }

    #[test]
    fn a_single_form_can_be_required() {
        let only = [AuthForm::AuthenticationBare];
        check(("authentication", "t0ken"), &only, None);
        check(("authentication", "Bearer t0ken"), &only, Some(Refused::NoUsableHeader));
        check(("authorization", "Bearer t0ken"), &only, Some(Refused::NoUsableHeader));
    }
}
