//! Accounts: register, log in and out, passwords, tokens of the API.

use std::time::Instant;

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{PasswordChange, TokenId};
use web::{
    Category, Code, Error, Fields, Login, Page, SESSION_COOKIE, Site, Submitted, Visitor, block, local_path,
    see_other,
};

use crate::{Shared, Thanks};

/// Fewest characters of a new password.
const PASSWORD_CHARACTERS: usize = 8;
/// Most characters of a name; of a password, so that hashing stays cheap.
const NAME_CHARACTERS: usize = 64;
const LONGEST_PASSWORD: usize = 256;
/// The longest name that is looked up, in bytes: a character has up to four.
const LONGEST_NAME_BYTES: usize = 4 * NAME_CHARACTERS;

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
    #[serde(default)]
    registered: String,
}

/// `GET /auth/register`
pub(crate) async fn register_form(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, Error> {
    may_register(&request, &site)?;
    Page::new("register.html").with("form", &Map::new()).render(&request)
}

/// `POST /auth/register`
pub(crate) async fn register(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    may_register(&request, &site)?;
    let name = form.fields.required("username", "Enter a user name.");
    if name.chars().count() > NAME_CHARACTERS || name.chars().any(char::is_control) {
        form.fields
            .error("username", format!("A user name has at most {NAME_CHARACTERS} visible characters."));
    }
    let password = new_password(&mut form.fields, "password");
    let result = match form.fields.finish() {
        Ok(()) => {
            let _permit = shared.hashing.acquire().await;
            let (store, name) = (site.store.clone(), name.clone());
            block(move || match store.create_user(&name, &password) {
                Err(store::Error::NameTaken { .. }) => {
                    Err(Error::field("username", "This name is taken. Choose another."))
                }
                other => Ok(other?),
            })
            .await
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(_) => {
            tracing::info!(name, "account made");
            Ok(see_other("/auth/login?registered=yes"))
        }
        Err(error) if error.code == Code::InvalidInput => {
            Page::new("register.html").rejected(&error, &form.fields.typed()).render(&request)
        }
        Err(error) => Err(error),
    }
}

/// With `AUTH=logged_in` accounts are made by those who have one.
fn may_register(request: &HttpRequest, site: &Site) -> Result<(), Error> {
    if !site.settings.registration_open {
        Login::extract(request)?;
    }
    Ok(())
}

fn new_password(fields: &mut Fields, name: &'static str) -> String {
    let password = fields.verbatim(name);
    let length = password.chars().count();
    if !(PASSWORD_CHARACTERS..=LONGEST_PASSWORD).contains(&length) {
        fields.error(name, format!("A password has at least {PASSWORD_CHARACTERS} characters."));
    }
    password
}

/// `GET /auth/login`
pub(crate) async fn login_form(
    request: HttpRequest,
    shared: Data<Shared>,
    query: Query<Next>,
) -> Result<HttpResponse, Error> {
    login_page(&shared, &query.next).with("registered", &!query.registered.is_empty()).render(&request)
}

fn login_page(shared: &Shared, next: &str) -> Page {
    Page::new("login.html")
        .with("form", &Map::new())
        .with("registered", &false)
        .with("next", local_path(next).unwrap_or_default())
        .with("thanks", &(shared.settings.thanks == Thanks::Cerege))
}

/// `POST /auth/login`
pub(crate) async fn login(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let name = form.fields.optional("username").unwrap_or_default();
    let password = form.fields.verbatim("password");
    let next = form.fields.optional("next").unwrap_or_default();
    if name.len() > LONGEST_NAME_BYTES {
        // It is remembered under no failures and written to no log.
        form.fields.error("username", format!("A user name has at most {NAME_CHARACTERS} characters."));
    }
    form.fields.finish()?;

    let by_name = name.to_lowercase();
    let by_address = peer(&request);
    may_try(&shared, &by_name, &by_address)?;
    let permit = shared.hashing.acquire().await;
    // Others may have failed while this one waited.
    may_try(&shared, &by_name, &by_address)?;
    let user = if password.len() > 4 * LONGEST_PASSWORD {
        None
    } else {
        let store = site.store.clone();
        let name = name.clone();
        block(move || Ok(store.authenticate(&name, &password)?)).await?
    };
    let Some(user) = user else {
        shared.login_failures_by_name.failed(&by_name, Instant::now());
        shared.login_failures_by_address.failed(&by_address, Instant::now());
        tracing::info!(name, address = by_address, "login refused");
        let error = Error::field("username", "The user name or the password is not right.");
        let page = login_page(&shared, &next).rejected(&error, &json!({ "username": name }));
        return page.status(actix_web::http::StatusCode::UNAUTHORIZED).render(&request);
    };
    drop(permit);
    shared.login_failures_by_name.succeeded(&by_name);
    let (store, old) = (site.store.clone(), form.visitor.session().map(|session| session.id.clone()));
    let token = block(move || {
        if let Some(old) = old {
            store.delete_session(&old)?;
        }
        Ok(store.create_session(user.id)?)
    })
    .await?;
    let mut response = see_other(local_path(&next).unwrap_or("/"));
    response
        .add_cookie(&site.cookie(SESSION_COOKIE, token.0))
        .map_err(|error| Error::internal(format!("the session's cookie: {error}")))?;
    Ok(response)
}

/// Refuses a login after too many failures under the name, or from the address.
fn may_try(shared: &Shared, by_name: &str, by_address: &str) -> Result<(), Error> {
    let blocked = [
        shared.login_failures_by_name.blocked(by_name, Instant::now()),
        shared.login_failures_by_address.blocked(by_address, Instant::now()),
    ];
    let Some(wait) = blocked.into_iter().flatten().max() else { return Ok(()) };
    let minutes = wait.as_secs().div_ceil(60);
    Err(Error {
        retry_after_seconds: Some(wait.as_secs() + 1),
        ..Error::new(
            Code::TooManyRequests,
            format!("Please wait {minutes} min before you try to log in again."),
        )
    })
}

/// Where a request comes from: what the proxy says when the peer is one of the own network, else the peer.
fn peer(request: &HttpRequest) -> String {
    let Some(peer) = request.peer_addr() else { return String::new() };
    let own = match peer.ip() {
        std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    match forwarded.and_then(|list| list.rsplit(',').next()) {
        Some(last) if own => last.trim().to_owned(),
        _ => peer.ip().to_string(),
    }
}

/// `GET /auth/logout`: asks, as another site may have sent the visitor here.
pub(crate) async fn logout_form(request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, Error> {
    if visitor.user().is_none() {
        return Ok(see_other("/auth/login"));
    }
    Page::new("logout.html").render(&request)
}

/// `POST /auth/logout`
pub(crate) async fn logout(site: Data<Site>, form: Submitted) -> Result<HttpResponse, Error> {
    if let Some(session) = form.visitor.session() {
        let (store, id) = (site.store.clone(), session.id.clone());
        block(move || Ok(store.delete_session(&id)?)).await?;
    }
    let mut response = see_other("/auth/login");
    let mut gone = site.cookie(SESSION_COOKIE, String::new());
    gone.make_removal();
    response.add_cookie(&gone).map_err(|error| Error::internal(error.to_string()))?;
    Ok(response)
}

/// `GET /auth/password`
pub(crate) async fn password_form(request: HttpRequest, _login: Login) -> Result<HttpResponse, Error> {
    Page::new("password.html").render(&request)
}

/// `POST /auth/password`
pub(crate) async fn change_password(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    login: Login,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let old = form.fields.verbatim("old_password");
    let new = new_password(&mut form.fields, "new_password");
    let again = form.fields.verbatim("new_password_again");
    if new != again {
        form.fields.error("new_password_again", "The two new passwords are not the same.");
    }
    let result = match form.fields.finish() {
        Ok(()) => {
            let _permit = shared.hashing.acquire().await;
            let (store, keep) =
                (site.store.clone(), form.visitor.session().map(|session| session.id.clone()));
            block(move || match store.change_password(login.user.id, &old, &new, keep.as_ref())? {
                PasswordChange::Changed => Ok(()),
                PasswordChange::WrongPassword => {
                    Err(Error::field("old_password", "This is not your present password."))
                }
            })
            .await
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => {
            site.flash(
                &form.visitor,
                Category::Success,
                "Your password was changed. Other sessions were closed.",
            )?;
            Ok(see_other("/"))
        }
        Err(error) if error.code == Code::InvalidInput => {
            Page::new("password.html").rejected(&error, &Map::new()).render(&request)
        }
        Err(error) => Err(error),
    }
}

/// `GET /auth/tokens`
pub(crate) async fn tokens(
    request: HttpRequest,
    site: Data<Site>,
    login: Login,
) -> Result<HttpResponse, Error> {
    tokens_page(&site, &login, None)?.render(&request)
}

fn tokens_page(site: &Site, login: &Login, plain: Option<&str>) -> Result<Page, Error> {
    let tokens: Vec<Value> = site
        .store
        .tokens(login.user.id)?
        .into_iter()
        .map(|token| {
            let last_used = token.last_used;
            json!({ "id": token.id.0, "label": token.label, "created": token.created, "last_used": last_used })
        })
        .collect();
    Ok(Page::new("tokens.html").with("tokens", &tokens).with("plain", &plain).with("form", &Map::new()))
}

/// `POST /auth/tokens`: the answer shows the token, once.
pub(crate) async fn create_token(
    request: HttpRequest,
    site: Data<Site>,
    login: Login,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let label = form.fields.required("label", "Give the token a name, for example 'laptop'.");
    if label.chars().count() > NAME_CHARACTERS {
        form.fields.error("label", format!("The name has at most {NAME_CHARACTERS} characters."));
    }
    if let Err(error) = form.fields.finish() {
        return tokens_page(&site, &login, None)?.rejected(&error, &form.fields.typed()).render(&request);
    }
    let (store, user) = (site.store.clone(), login.user.id);
    let plain = block(move || Ok(store.create_token(user, &label)?)).await?;
    tokens_page(&site, &login, Some(&plain))?.render(&request)
}

/// `POST /auth/tokens/{token}/revoke`
pub(crate) async fn revoke_token(
    site: Data<Site>,
    login: Login,
    token: Path<i32>,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    let (store, token) = (site.store.clone(), TokenId(token.into_inner()));
    block(move || Ok(store.revoke_token(login.user.id, token)?)).await?;
    site.flash(&form.visitor, Category::Success, "The token does not work any more.")?;
    Ok(see_other("/auth/tokens"))
}
