//! A registry over its HTTP API v2: which tags an image has, and what a tag points to.
//!
//! Asked without credentials first, as a registry says itself how it wants to be asked: `Basic`, or `Bearer` with a token
//! from the place that it names. A token is fetched once for each repository.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest_tls::header::{ACCEPT, HeaderMap, LINK, WWW_AUTHENTICATE};
use reqwest_tls::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::OnceCell;

use crate::{Error, Secret, http};

/// Docker Hub: where its images are named, and where its API is.
const HUB: &str = "docker.io";
const HUB_API: &str = "registry-1.docker.io";

/// Everything that a tag may point to, indices of several architectures first.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// Pages of tags at most: a list that does not end is an error of the registry.
const PAGES: usize = 1000;

/// User and password for one registry.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// The user.
    pub(crate) user: String,
    /// The password, or a token that stands for it.
    pub(crate) password: Secret,
}

/// A registry, and the folder in it where the stack's images lie.
#[derive(Debug)]
pub(crate) struct Registry {
    client: Client,
    api: OnceCell<Url>,
    place: ImageFolder,
    credentials: Option<Credentials>,
    /// What opened a repository.
    known: Mutex<HashMap<String, Authorization>>,
}

/// Host and folder, as the first part of an image's name says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFolder {
    /// `docker.io`, or `host:port`.
    pub(crate) host: String,
    /// `ceregecl`, or nothing.
    pub(crate) folder: String,
}

impl ImageFolder {
    /// Reads `ceregecl`, `docker.io/ceregecl`, `registry.osupytheas.fr:443` or `localhost:5000/climsim` as an engine does:
    /// the first part is a host when it has a dot or a colon, or is `localhost`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text that cannot be part of an image's name.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim().trim_end_matches('/');
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-:/[]".contains(c);
        if text.is_empty() || text.contains("//") || !text.chars().all(allowed) {
            return Err(Error::Usage(format!(
                "'{text}' is no registry: use a name such as ceregecl or registry.example:443"
            )));
        }
        let (first, rest) = text.split_once('/').unwrap_or((text, ""));
        if first.contains(['.', ':']) || first == "localhost" {
            let host = if first == "index.docker.io" { HUB } else { first };
            return Ok(Self { host: host.to_owned(), folder: rest.to_owned() });
        }
        Ok(Self { host: HUB.to_owned(), folder: text.to_owned() })
    }

    fn repository(&self, image: &str) -> String {
        if self.folder.is_empty() { image.to_owned() } else { format!("{}/{image}", self.folder) }
    }
}

impl std::fmt::Display for ImageFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.folder.as_str() {
            "" => f.write_str(&self.host),
            folder => write!(f, "{}/{folder}", self.host),
        }
    }
}

/// What a request carries.
#[derive(Debug, Clone)]
enum Authorization {
    Password(Credentials),
    Token(Secret),
}

impl Authorization {
    fn of(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Password(it) => request.basic_auth(&it.user, Some(it.password.reveal())),
            Self::Token(token) => request.bearer_auth(token.reveal()),
        }
    }
}

/// How a registry wants to be asked.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Registry {
    /// A registry, with the credentials that there are for it.
    pub(crate) fn new(client: Client, place: ImageFolder, credentials: Option<Credentials>) -> Self {
        Self { client, api: OnceCell::new(), place, credentials, known: Mutex::default() }
    }

    /// The place, as in an image's name.
    pub(crate) fn place(&self) -> &ImageFolder {
        &self.place
    }

    /// All tags of an image, in the registry's order; none when it has no such image.
    ///
    /// # Errors
    /// The registry does not answer, or wants other credentials.
    pub(crate) async fn tags(&self, image: &str) -> Result<Vec<String>, Error> {
        let repository = self.place.repository(image);
        let what = format!("the tags of {image} at {}", self.place);
        let mut next = self.url(&format!("v2/{repository}/tags/list?n=1000")).await?;
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let Some(response) = self.ask(&what, Method::GET, &next, &repository).await? else {
                return Ok(Vec::new());
            };
            let link = next_page(response.headers(), &next);
            let page = http::json(&what, response).await?;
            // A repository whose tags are all gone has `null`.
            for tag in page["tags"].as_array().into_iter().flatten() {
                tags.extend(tag.as_str().map(str::to_owned));
            }
            match link {
                None => return Ok(tags),
                // Elsewhere would be sent the token of here.
                Some(url) if url.origin() == next.origin() => next = url,
                Some(_) => return Err(Error::answer(&what, "the next page lies on another host")),
            }
        }
        Err(Error::answer(&what, format!("more than {PAGES} pages of tags")))
    }

    /// The digest that a tag of an image points to; `None` when there is no such tag.
    ///
    /// # Errors
    /// As [`Registry::tags`].
    pub(crate) async fn digest(&self, image: &str, tag: &str) -> Result<Option<String>, Error> {
        let repository = self.place.repository(image);
        let what = format!("{image}:{tag} at {}", self.place);
        let url = self.url(&format!("v2/{repository}/manifests/{tag}")).await?;
        let Some(response) = self.ask(&what, Method::HEAD, &url, &repository).await? else {
            return Ok(None);
        };
        let digest = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        match digest {
            Some(digest) => Ok(Some(digest.to_owned())),
            None => Err(Error::answer(&what, "the registry tells no digest")),
        }
    }

    /// Where its API is: over TLS, but one on this machine that does not speak TLS is asked in plain HTTP, as an engine does.
    async fn api(&self) -> Result<&Url, Error> {
        self.api
            .get_or_try_init(async || {
                let host = if self.place.host == HUB { HUB_API } else { &self.place.host };
                let over_tls = http::address("the registry", &format!("https://{host}/"))?;
                let is_here = matches!(over_tls.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
                if is_here && self.client.get(over_tls.clone()).send().await.is_err() {
                    let plain = http::address("the registry", &format!("http://{host}/"))?;
                    if self
                        .client
                        .get(plain.clone())
                        .send()
                        .await
                        .is_ok_and(|it| it.status() != StatusCode::BAD_REQUEST)
                    {
                        return Ok(plain);
                    }
                }
                Ok(over_tls)
            })
            .await
    }

    async fn url(&self, path: &str) -> Result<Url, Error> {
        self.api().await?.join(path).map_err(|error| Error::answer(path, error.to_string()))
    }

    /// Asks as the registry wants to be asked; `None` when there is no such thing.
    async fn ask(
        &self,
        what: &str,
        method: Method,
        url: &Url,
        repository: &str,
    ) -> Result<Option<Response>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(repository).cloned();
        let mut response = self.request(what, &method, url, known.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(challenge) = challenge(response.headers())
            && let Some(authorization) = self.authorization(what, challenge, repository).await?
        {
            response = self.request(what, &method, url, Some(&authorization)).await?;
            if response.status().is_success() {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(repository.to_owned(), authorization);
            }
        }
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response)),
            StatusCode::UNAUTHORIZED if self.credentials.is_none() => Err(Error::Status {
                what: what.to_owned(),
                status: 401,
                detail: format!(
                    "it wants a login: `docker login {}`, or see --registry-auth",
                    self.place.host
                ),
            }),
            _ => Err(http::refusal(what, response).await),
        }
    }

    async fn request(
        &self,
        what: &str,
        method: &Method,
        url: &Url,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Error> {
        let mut request = self.client.request(method.clone(), url.clone()).header(ACCEPT, MANIFESTS);
        if let Some(authorization) = authorization {
            request = authorization.of(request);
        }
        request
            .send()
            .await
            .map_err(|source| Error::Http { what: what.to_owned(), source: source.without_url() })
    }

    /// What answers a challenge; `None` when it wants credentials and there are none.
    async fn authorization(
        &self,
        what: &str,
        challenge: Challenge,
        repository: &str,
    ) -> Result<Option<Authorization>, Error> {
        let password = self.credentials.clone().map(Authorization::Password);
        let Challenge::Bearer { realm, service, scope } = challenge else { return Ok(password) };
        http::address("the registry's place for tokens", &realm)
            .map_err(|error| Error::answer(what, error.to_string()))?;
        let mut query = vec![("scope", scope.unwrap_or_else(|| format!("repository:{repository}:pull")))];
        query.extend(service.map(|service| ("service", service)));
        let mut request = self.client.get(realm).query(&query);
        if let Some(password) = password {
            request = password.of(request);
        }
        let what = format!("a token for {what}");
        let answer = http::json(&what, http::send(&what, request).await?).await?;
        let token = answer["token"].as_str().or_else(|| answer["access_token"].as_str());
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(Some(Authorization::Token(Secret::new(token)))),
            None => Err(Error::answer(&what, "the answer has none")),
        }
    }
}

/// The address in `Link: <...>; rel="next"`, seen from the page.
fn next_page(headers: &HeaderMap, page: &Url) -> Option<Url> {
    for value in headers.get_all(LINK) {
        for link in value.to_str().ok()?.split(',') {
            let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = parameters.split(';').any(|parameter| {
                let parameter = parameter.trim().replace('"', "");
                parameter.eq_ignore_ascii_case("rel=next")
            });
            if is_next {
                return page.join(address).ok();
            }
        }
    }
    None
}

/// The challenge that can be answered: a token rather than the password.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        let (scheme, parameters) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let mut found = parameters_of(parameters);
            if let Some(realm) = found.remove("realm") {
                let (service, scope) = (found.remove("service"), found.remove("scope"));
                return Some(Challenge::Bearer { realm, service, scope });
            }
        }
    }
    basic
}

/// `name="value, with commas",other=word` as a map.
fn parameters_of(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = after.trim_start_matches([',', ' ']);
    }
    found
}

#[cfg(test)]
mod tests {
    use reqwest_tls::header::HeaderValue;

    use super::*;

    #[test]
    fn a_place_is_read_as_an_engine_reads_it() {
        for (text, host, folder) in [
            ("ceregecl", "docker.io", "ceregecl"),
            ("docker.io/ceregecl", "docker.io", "ceregecl"),
            ("registry.osupytheas.fr:443", "registry.osupytheas.fr:443", ""),
            ("localhost/climsim/", "localhost", "climsim"),
            ("127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b"),
        ] {
            let place = ImageFolder::parse(text).unwrap();
            assert_eq!((place.host.as_str(), place.folder.as_str()), (host, folder));
        }
        for wrong in ["", "https://registry.example", "a b", "me@host.example"] {
            assert_eq!(ImageFolder::parse(wrong).unwrap_err().exit_status(), 2, "{wrong}");
        }
    }

    #[test]
    fn the_next_page_is_found_wherever_the_link_leads() {
        let page: Url = "https://r.example/v2/a/tags/list?n=2".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(next_page(&headers, &page), None);
        headers.insert(LINK, HeaderValue::from_static("</v2/a/tags/list?last=b&n=2>; rel=\"next\""));
        assert_eq!(next_page(&headers, &page).unwrap().query(), Some("last=b&n=2"));
        headers.insert(LINK, HeaderValue::from_static("</first>; rel=first, <?last=c>; title=x; rel=next"));
        assert_eq!(next_page(&headers, &page).unwrap().as_str(), "https://r.example/v2/a/tags/list?last=c");
    }

    #[test]
    fn the_challenge_with_a_token_is_preferred() {
        let mut headers = HeaderMap::new();
        assert_eq!(challenge(&headers), None);
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"x\""));
        assert_eq!(challenge(&headers), Some(Challenge::Basic));
        let bearer =
            "Bearer realm=\"https://auth.example/token\",service=\"r, one\",scope=\"repository:a:pull\"";
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(bearer));
        let Some(Challenge::Bearer { realm, service, scope }) = challenge(&headers) else {
            panic!("no token");
        };
        assert_eq!(realm, "https://auth.example/token");
        assert_eq!((service.as_deref(), scope.as_deref()), (Some("r, one"), Some("repository:a:pull")));
    }
}
