//! Who asks: sessions, the token against forged requests, and ownership.
//!
//! Sessions are rows of the store; the cookie holds nothing but a secret. Before the login there is no row: the token
//! of a form then derives from a random cookie and the key of the instance.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, Uri, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use store::{DataFile, DataFileId, Session, Store, User, UserId};
use uuid::Uuid;

use crate::{Code, Error, Site, local_path};

/// The cookie of a login; named as the original's.
pub const SESSION_COOKIE: &str = "session";
/// The cookie of a visitor without a login.
pub(crate) const VISITOR_COOKIE: &str = "visitor";

/// Whoever sent the request.
#[derive(Debug, Clone)]
pub struct Visitor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    session: Option<Session>,
    /// Set when a response has to give the visitor a cookie.
    fresh: Option<String>,
    csrf: String,
}

impl Visitor {
    /// The visitor behind a request; looked up once per request.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn extract(request: &HttpRequest) -> Result<Self, Error> {
        if let Some(visitor) = request.extensions().get::<Self>() {
            return Ok(visitor.clone());
        }
        let site = Site::from_request(request)?;
        let visitor = Self(Arc::new(Inner::load(request, site)?));
        request.extensions_mut().insert(visitor.clone());
        Ok(visitor)
    }

    /// The account, when logged in.
    pub fn user(&self) -> Option<&User> {
        self.0.session.as_ref().map(|session| &session.user)
    }

    /// The session, when logged in.
    pub fn session(&self) -> Option<&Session> {
        self.0.session.as_ref()
    }

    /// What every form has to carry.
    pub fn csrf(&self) -> &str {
        &self.0.csrf
    }

    /// # Errors
    /// When `sent` is not this visitor's token.
    pub fn check_token(&self, sent: Option<&str>) -> Result<(), Error> {
        if sent.is_some_and(|sent| same(sent.as_bytes(), self.0.csrf.as_bytes())) && self.0.fresh.is_none() {
            return Ok(());
        }
        let message = "It was opened before you logged in or out, or in another browser. Nothing was changed: \
                       go back, reload the page, and send it again.";
        Err(Error::new(Code::StaleForm, message))
    }

    pub(crate) fn fresh_cookie(&self, site: &Site) -> Option<Cookie<'static>> {
        self.0.fresh.as_ref().map(|value| site.cookie(VISITOR_COOKIE, value.clone()))
    }
}

impl Inner {
    fn load(request: &HttpRequest, site: &Site) -> Result<Self, Error> {
        if let Some(cookie) = request.cookie(SESSION_COOKIE)
            && let Some(session) = site.store.session(cookie.value())?
        {
            let csrf = session.csrf.clone();
            return Ok(Self { session: Some(session), fresh: None, csrf });
        }
        let known = request.cookie(VISITOR_COOKIE).map(|cookie| cookie.value().to_owned());
        let known = known.filter(|value| Uuid::try_parse(value).is_ok());
        let (nonce, fresh) = match known {
            Some(nonce) => (nonce, None),
            None => {
                let nonce = Uuid::new_v4().to_string();
                (nonce.clone(), Some(nonce))
            }
        };
        Ok(Self { session: None, fresh, csrf: site.sign(&nonce) })
    }
}

/// Equal, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

impl Site {
    /// A keyed hash of `text`, for the token of visitors without a session.
    fn sign(&self, text: &str) -> String {
        let mut mac = match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mac) => mac,
            Err(error) => unreachable!("HMAC takes keys of any length: {error}"),
        };
        mac.update(b"csrf of a visitor: ");
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// A cookie that scripts cannot read and other sites cannot send with a form.
    pub fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build(name, value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.settings.secure_cookies)
            .finish()
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::extract(request))
    }
}

/// A visitor who is logged in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub user: User,
    /// The session behind it; absent for a request with an API token.
    pub visitor: Option<Visitor>,
}

impl Login {
    /// The account behind a request: by its session, or, in the API, by a token (`Authorization: Bearer`). Only the latter
    /// changes anything without the session's token, for no other site can make a browser send it.
    ///
    /// # Errors
    /// When nobody is logged in, the token is not valid, or a script's changing request lacks the session's token.
    pub fn extract(request: &HttpRequest) -> Result<Self, Error> {
        if let Some(login) = request.extensions().get::<Self>() {
            return Ok(login.clone());
        }
        let login = Self::load(request)?;
        request.extensions_mut().insert(login.clone());
        Ok(login)
    }

    fn load(request: &HttpRequest) -> Result<Self, Error> {
        let api = is_api(request);
        if api && request.headers().contains_key(header::AUTHORIZATION) {
            let refused =
                || Error::new(Code::LoginNeeded, "The token is not valid. Create one under 'API tokens'.");
            let token = bearer(request).ok_or_else(refused)?;
            let user = Site::from_request(request)?.store.user_by_token(token)?.ok_or_else(refused)?;
            return Ok(Self { user, visitor: None });
        }
        let visitor = Visitor::extract(request)?;
        let Some(user) = visitor.user().cloned() else {
            return Err(Error::new(Code::LoginNeeded, "You are not logged in, or your session has ended."));
        };
        if api && !is_safe(request.method()) {
            let sent = request.headers().get(crate::form::TOKEN_HEADER).and_then(|value| value.to_str().ok());
            visitor.check_token(sent)?;
        }
        Ok(Self { user, visitor: Some(visitor) })
    }
}

impl FromRequest for Login {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::extract(request))
    }
}

/// The token of the API that a request carries.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.trim())
}

/// The data file named in the path (`{id}`), which belongs to the visitor.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Whose it is.
    pub login: Login,
    /// The data file.
    pub file: DataFile,
}

impl Owned {
    /// The visitor's data file with the id of the path.
    ///
    /// # Errors
    /// When nobody is logged in; when there is no such data file, or it is somebody else's: the answer is the same.
    pub fn extract(request: &HttpRequest) -> Result<Self, Error> {
        Self::named(request, request.match_info().query("id"))
    }

    /// The visitor's data file with this id, where an address names it elsewhere than in the path.
    ///
    /// # Errors
    /// As [`Owned::extract`].
    pub fn named(request: &HttpRequest, text: &str) -> Result<Self, Error> {
        let login = Login::extract(request)?;
        let missing = |id: &str| Error::not_found(format!("Workflow {id}"));
        let id: i32 = text.parse().map_err(|_| missing(text))?;
        let file = Site::from_request(request)?.store.data_file(DataFileId(id))?;
        let file = file.filter(|file| file.owner == login.user.id).ok_or_else(|| missing(text))?;
        Ok(Self { login, file })
    }

    /// What lets a connection that stays open ask later whether it still may.
    ///
    /// # Errors
    /// When the request is not the one that this was read from.
    pub fn access(&self, request: &HttpRequest) -> Result<Access, Error> {
        let credential = match &self.login.visitor {
            Some(_) => {
                request.cookie(SESSION_COOKIE).map(|cookie| Credential::Session(cookie.value().to_owned()))
            }
            None => bearer(request).map(|token| Credential::Token(token.to_owned())),
        };
        let credential = credential.ok_or_else(|| Error::internal("a login without a credential"))?;
        Ok(Access { credential, user: self.login.user.id, data_file: self.file.id })
    }
}

/// The right to one data file, by the session or the API token of a request: a secret, which no log shows.
#[derive(Clone)]
pub struct Access {
    credential: Credential,
    user: UserId,
    data_file: DataFileId,
}

#[derive(Clone)]
enum Credential {
    Session(String),
    Token(String),
}

impl Access {
    /// The data file.
    pub fn data_file(&self) -> DataFileId {
        self.data_file
    }

    /// Whether the session goes on (the token is still valid), and the data file is still there and theirs.
    ///
    /// # Errors
    /// A failing database.
    pub fn holds(&self, store: &Store) -> Result<bool, store::Error> {
        let user = match &self.credential {
            Credential::Session(session) => store.session(session)?.map(|session| session.user.id),
            Credential::Token(token) => store.user_by_token(token)?.map(|user| user.id),
        };
        let owner = store.data_file(self.data_file)?.map(|file| file.owner);
        Ok(user == Some(self.user) && owner == Some(self.user))
    }
}

impl FromRequest for Owned {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::extract(request))
    }
}

/// Marks a request that the router gave to the HTTP API.
#[derive(Debug, Clone, Copy)]
struct ApiRoute;

/// The middleware of the scope of the HTTP API: tells [`Login`] and the error responses that the request came to it.
///
/// The router decides, not the text of the path: a path has many spellings (`/%61pi/v1`), and a check that reads it
/// can disagree with the route that answers.
///
/// # Errors
/// Those of the handler.
pub async fn api(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    request.extensions_mut().insert(ApiRoute);
    next.call(request).await
}

/// True for requests to the HTTP API, whose answers are JSON.
pub(crate) fn is_api(request: &HttpRequest) -> bool {
    request.extensions().contains::<ApiRoute>()
}

/// True when a browser says that a page of another site made it send the request.
///
/// `Sec-Fetch-Site` where there is one (Fetch Metadata), else `Origin`; programs send neither. This stands beside the
/// tokens of forms, so that a handler that forgot to ask for one is no hole.
pub(crate) fn is_cross_site(request: &HttpRequest) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(from) = text("sec-fetch-site") {
        return !matches!(from, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let host = origin.parse::<Uri>().ok().and_then(|uri| Some(uri.authority()?.as_str().to_owned()));
    host.is_none_or(|host| !host.eq_ignore_ascii_case(request.connection_info().host()))
}

/// True for methods that change nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The login page, with the way back to where the visitor wanted to go.
pub(crate) fn login_address(request: &HttpRequest) -> String {
    let wanted = if is_safe(request.method()) {
        let path = request.uri().path_and_query().map(|path| path.as_str().to_owned());
        // A proxy may have taken the beginning of the path away.
        let base = Site::from_request(request).map_or("", |site| site.settings.base);
        path.map(|path| if path.starts_with(base) { path } else { format!("{base}{path}") })
    } else {
        // What was sent is lost, and its address may not be a page; the page with the form is one.
        referring_page(request)
    };
    match wanted.as_deref().and_then(local_path) {
        None | Some("/") => "/auth/login".to_owned(),
        Some(path) => {
            let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            format!("/auth/login?next={next}")
        }
    }
}

/// The page of this site that the request was sent from.
fn referring_page(request: &HttpRequest) -> Option<String> {
    let page: Uri = request.headers().get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    let here = page.authority()?.as_str() == request.connection_info().host();
    page.path_and_query().filter(|_| here).map(|path| path.as_str().to_owned())
}

/// The site, for extractors.
impl Site {
    /// # Errors
    /// When the service was composed without one.
    pub fn from_request(request: &HttpRequest) -> Result<&Self, Error> {
        let site = request.app_data::<web::Data<Self>>();
        site.map(|site| site.get_ref())
            .ok_or_else(|| Error::internal("no Site among the data of the application"))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn after_the_login_a_form_leads_to_its_page_and_never_to_its_address() {
        let next = |referer: &'static str| {
            let request = TestRequest::post().uri("/3/duplicate").insert_header((header::HOST, "here:80"));
            login_address(&request.insert_header((header::REFERER, referer)).to_http_request())
        };
        assert_eq!(next("http://here:80/3/steps?x=1"), "/auth/login?next=%2F3%2Fsteps%3Fx%3D1");
        for referer in
            ["http://here:80/", "http://elsewhere/3/steps", "http://here:80//evil/", "/3/steps", "none", ""]
        {
            assert_eq!(next(referer), "/auth/login", "{referer}");
        }
        let page = TestRequest::get().uri("/3/steps").insert_header((header::REFERER, "http://here:80/"));
        assert_eq!(login_address(&page.to_http_request()), "/auth/login?next=%2F3%2Fsteps");
    }
}
