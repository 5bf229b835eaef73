//! Asking over HTTP: one client, private authorities, addresses that carry no secret, and errors that tell none.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest_tls::redirect::Policy;
use reqwest_tls::{Certificate, Client, ClientBuilder, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::Error;

/// How long a peer may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an error's text is shown.
const DETAIL: usize = 300;

/// A client that trusts the authorities of the system and those in `ca` (PEM).
///
/// # Errors
/// A file that cannot be read or holds no certificate.
pub(crate) fn client(ca: Option<&Path>) -> Result<ClientBuilder, Error> {
    let mut builder = Client::builder()
        .user_agent(concat!("stackctl/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .referer(false);
    if let Some(path) = ca {
        let text = fs::read(path).map_err(|source| Error::File {
            action: "read the certificates in",
            path: path.to_owned(),
            source,
        })?;
        let certificates = Certificate::from_pem_bundle(&text).unwrap_or_default();
        if certificates.is_empty() {
            let problem = format!("{} holds no certificate in PEM", path.display());
            return Err(Error::Usage(problem));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    Ok(builder)
}

/// Has a client follow nobody elsewhere: what goes to Portainer or to an engine, a token and the variables of a stack, is meant for
/// the address that was named and for no other.
pub(crate) fn here_only(builder: ClientBuilder) -> ClientBuilder {
    builder.redirect(Policy::none())
}

/// Finishes a client.
///
/// # Errors
/// TLS cannot be set up.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client, Error> {
    builder.build().map_err(|source| Error::Http { what: "TLS".into(), source: source.without_url() })
}

/// Reads an address. Credentials in it are refused, and so is plain HTTP to another machine: tokens would travel in the
/// open. A name without a dot is a container of the same network.
///
/// # Errors
/// [`Error::Usage`]
pub(crate) fn address(name: &str, text: &str) -> Result<Url, Error> {
    let mut url: Url = text
        .parse()
        .map_err(|error| Error::Usage(format!("{name} is no address such as https://host:port ({error})")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Usage(format!(
            "{name} holds a user or a password: give these by variable or file, they would end up in logs"
        )));
    }
    let near = match url.host_str() {
        Some("localhost" | "127.0.0.1" | "[::1]") => true,
        Some(host) => !host.contains(['.', ':']),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if near => {}
        "http" => {
            return Err(Error::Usage(format!(
                "{name} would send secrets unencrypted to another machine: use https://"
            )));
        }
        other => return Err(Error::Usage(format!("{name} begins with {other}://: use https://"))),
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Sends a request; an answer that is an error becomes one, with what it says.
///
/// # Errors
/// [`Error::Http`], [`Error::Status`]
pub(crate) async fn send(what: &str, request: RequestBuilder) -> Result<Response, Error> {
    let response = request
        .send()
        .await
        .map_err(|source| Error::Http { what: what.to_owned(), source: source.without_url() })?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(refusal(what, response).await)
}

/// What an answer that is an error says.
pub(crate) async fn refusal(what: &str, response: Response) -> Error {
    let status = response.status().as_u16();
    let said = response.text().await.unwrap_or_default();
    let mut detail = reason(&said);
    let hint = match status {
        300..=399 => {
            "this address sends elsewhere, where no token is taken: name the address where it leads to"
        }
        401 => "the credentials are missing or wrong",
        403 => "these credentials may not do that",
        429 => "too many requests: try again later",
        _ => "",
    };
    if !hint.is_empty() {
        detail = if detail.is_empty() { hint.to_owned() } else { format!("{detail}; {hint}") };
    }
    Error::Status { what: what.to_owned(), status, detail }
}

/// The body of an answer as JSON.
///
/// # Errors
/// It is none.
pub(crate) async fn json(what: &str, response: Response) -> Result<Value, Error> {
    response
        .json()
        .await
        .map_err(|source| Error::Http { what: what.to_owned(), source: source.without_url() })
}

/// The sentence in the body of an error: Docker's, Portainer's, Watchtower's or a registry's, else its beginning.
fn reason(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let registry = &parsed["errors"][0];
    let said = text(&parsed["details"])
        .filter(|details| !details.is_empty())
        .map(|details| match text(&parsed["message"]) {
            Some(message) if message != details => format!("{message}: {details}"),
            _ => details,
        })
        .or_else(|| text(&parsed["message"]))
        .or_else(|| text(&parsed["error"]))
        .or_else(|| text(&registry["message"]))
        .or_else(|| text(&registry["code"]))
        .unwrap_or_else(|| if body.trim_start().starts_with('<') { String::new() } else { body.to_owned() });
    let one_line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(DETAIL) {
        Some((at, _)) => format!("{}...", &one_line[..at]),
        None => one_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_no_secret_and_sends_none_in_the_open() {
        assert_eq!(
            address("A", "https://portainer.example/x").unwrap().as_str(),
            "https://portainer.example/x/"
        );
        assert!(address("A", "http://127.0.0.1:9000").is_ok());
        assert!(address("A", "http://watchtower:8080").is_ok());
        for (text, word) in [
            ("https://me:hunter2@portainer.example", "holds a user"),
            ("http://portainer.example", "unencrypted"),
            ("http://10.0.0.7:9000", "unencrypted"),
            ("ftp://portainer.example", "ftp://"),
            ("portainer", "no address"),
        ] {
            let error = address("PORTAINER_URL", text).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains("PORTAINER_URL") && !error.to_string().contains("hunter2"));
            assert_eq!(error.exit_status(), 2);
        }
    }

    #[test]
    fn an_error_is_told_in_its_own_words() {
        assert_eq!(reason(r#"{"message":"No such container: x"}"#), "No such container: x");
        assert_eq!(reason(r#"{"message":"Failed","details":"no such image"}"#), "Failed: no such image");
        assert_eq!(reason(r#"{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}"#), "log in");
        assert_eq!(reason("<html><body>502"), "");
        assert!(reason(&"x".repeat(1000)).ends_with("..."));
    }
}
